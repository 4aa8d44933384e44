"""Parameters of a query as the hot routes read them; FastAPI reads those of the other routes in the same way."""

from starlette.requests import Request

from scoreboard.domain.errors import ErrorCode, Refusal

_MOST_DIGITS = 16


def read_number(request: Request, name: str, default: int | None, most: int, *, least: int = 1) -> int | None:
    """A whole number; ``default`` where it is left out. Raises Refusal VALIDATION_ERROR for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and least <= int(text) <= most):
        raise wrong(name, f"A whole number from {least} to {most}.")
    return int(text)


def wrong(name: str, words: str) -> Refusal:
    """What a request is refused with whose parameter ``name`` cannot be used."""
    fault = {"pointer": f"#/query/{name}", "detail": words}
    return Refusal(ErrorCode.VALIDATION_ERROR, "The query is not valid.", extra={"errors": [fault]})
