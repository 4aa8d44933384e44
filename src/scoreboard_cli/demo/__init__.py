"""``scoreboard demo``: simulated players and a few cheats play through the API like any other client.

``runner`` puts it together; ``roster`` says who plays, ``player`` lets one of them play, ``account`` keeps them signed
in, ``door`` lets them arrive no faster than a person at the same machine can bear, ``api`` is polite to the server,
``memory`` remembers accounts between runs, ``measures`` counts and ``display`` shows.
"""
