"""The error catalogue outside the API: ``docs/errors.md`` for people, a module of codes for the pages.

``make docs`` writes both; a test holds them against the enum. Everything comes from where the API itself looks: codes
and layers from the domain, status and title from ``errors``, the words from ``problem_texts``.
"""

from pathlib import Path

from scoreboard.domain.errors import ErrorCode, layer_of
from scoreboard_api.errors import STATUS, problem_type
from scoreboard_api.page.problem_texts import TEXTS, Retry

DOCUMENT = Path("docs/errors.md")
MODULE = Path("services/api/scoreboard_api/page/app/codes.js")
_MADE = "`make docs` writes this file from the code; a test fails when it is stale."
_BY_STATUS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_LIMITED = ("RateLimit", "RateLimit-Policy")
_OWN: dict[ErrorCode, tuple[str, ...]] = {
    ErrorCode.TOO_MANY_REQUESTS: _LIMITED,
    ErrorCode.USER_RATE_LIMIT: _LIMITED,
    ErrorCode.ACTION_LIMIT: _LIMITED,
    ErrorCode.ACTION_TOO_EARLY: ("Retry-After",),
    ErrorCode.ACCOUNT_SUSPENDED: ("Retry-After",),
    ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT: ("Retry-After",),
}


def headers_of(code: ErrorCode) -> tuple[str, ...]:
    """The headers that a reply with this code may carry beside those of all replies."""
    return (*_BY_STATUS.get(STATUS[code][0], ()), *_OWN.get(code, ()))


def as_markdown() -> str:
    """The catalogue as a document: a table of all codes by status, then a section about each."""
    codes = sorted(ErrorCode, key=lambda code: (STATUS[code][0], code))
    rows = [
        f"| [`{code}`](#{code.lower()}) | {STATUS[code][0]} | {_layer(code)} | {TEXTS[code].retry} |" for code in codes
    ]
    lines = [
        "# Errors",
        "",
        "Every error is `application/problem+json` (RFC 9457) with a stable `code`. Programs look at `code`; titles",
        "and texts may change. `layer` says which part of the platform refused, `request_id` finds the line in the",
        "logs, and `retry_after` (seconds) is there where waiting helps. A refused request changes nothing, unless",
        "its text says that the outcome is not certain.",
        "",
        _MADE,
        "",
        "| code | status | layer | send it again? |",
        "|---|---|---|---|",
        *rows,
    ]
    for code in codes:
        lines += ["", *_section(code)]
    return "\n".join(lines) + "\n"


def _layer(code: ErrorCode) -> str:
    return layer_of(code).replace("_", "-")


def _section(code: ErrorCode) -> list[str]:
    status, title = STATUS[code]
    text = TEXTS[code]
    headers = ", ".join(f"`{name}`" for name in headers_of(code)) or "none of its own"
    return [
        f"## {code}",
        "",
        f"**{title}** · {status} · layer {_layer(code)} · page `{problem_type(code)}`",
        "",
        f"{text.happened}",
        "",
        f"What to do: {text.remedy}",
        "",
        f"Send it again: {text.retry}. Headers: {headers}.",
    ]


def as_module() -> str:
    """The codes as an ES module, and those after which it is not certain whether the request was carried out."""
    unknown = [code for code in ErrorCode if TEXTS[code].retry is Retry.SAME_KEY]
    return "\n".join(
        [
            "// Every code with which the API refuses, so that no module spells one by itself.",
            f"// {_MADE}",
            "",
            "/** @type {Readonly<Record<string, string>>} */",
            "export const Code = Object.freeze({",
            *(f'  {code}: "{code}",' for code in ErrorCode),
            "});",
            "",
            "/** After these nobody knows whether the request was carried out; the same Idempotency-Key finds out. */",
            "export const OUTCOME_UNKNOWN = Object.freeze([",
            *(f"  Code.{code}," for code in unknown),
            "]);",
            "",
        ]
    )


def main() -> None:
    """Write both files; run from the repository's root."""
    DOCUMENT.write_text(as_markdown(), "utf-8")
    MODULE.write_text(as_module(), "utf-8")


if __name__ == "__main__":
    main()
