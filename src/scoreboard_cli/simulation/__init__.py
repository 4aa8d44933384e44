"""How people and cheats play: pure, seeded models of timing, choice and points, from the standard library alone.

``scoreboard demo`` plays them against the real API; tests and the training of the anti-cheat model draw from them.

- ``person``: who somebody is: tempo, memory, breaks, skill.
- ``human``: the intervals of an honest person; ``rhythm``: of one whose pastime is not a task a few seconds long, and
  ``pastimes``: what there is, from several actions a second to a few a day.
- ``scripts``: the intervals of programs that make their own timing; ``imitations``: of those that borrow a person's.
- ``families``: every cheat family by name, ready to play.
- ``play``: turns intervals into steps: which kind of action, how long, for how many points.
- ``population``: a whole platform's players as the arrays that training reads.
- ``chance``: seeded generators that do not disturb each other.

An interval is the time in seconds from one completed action of an account to its next. Every generator is endless and
yields the same values for the same seed.
"""
