"""What a person can put right: every command shows these as two readable lines and exits with 1."""


class ExpectedError(Exception):
    """Something outside the program is in the way.

    Args:
        problem: What is wrong, with the name, port or path concerned.
        advice: What to do about it; may be empty.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem if not advice else f"{problem}\n{advice}")
        self.problem = problem
        self.advice = advice


class ExitedError(ExpectedError):
    """A process that should run has ended by itself."""
