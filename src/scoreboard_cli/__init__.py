"""The ``scoreboard`` command: starts the whole platform on a bare machine and looks after it."""
