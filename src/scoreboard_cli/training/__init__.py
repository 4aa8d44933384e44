"""Training of the anti-cheat model and the proof of what it can do: ``scoreboard train`` and the detection card.

- ``datasets``: labelled players from the simulator.
- ``recordings``: real people's intervals from a file that somebody names; ``imitators``: cheats that imitate them.
- ``trials``: the model plays against labelled players, and every window is kept in a table.
- ``figures``: what such a table comes to; ``intervals`` of confidence.
- ``card``: the detection card's content; ``page`` and ``plots``: how it looks.
- ``report``: what a training tells whoever started it.
"""
