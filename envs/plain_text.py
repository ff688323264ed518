"""Makes untrusted text safe to keep and to show: no control characters, no hidden order, a bounded length."""

from __future__ import annotations

import json
import re

LINE = 500
"""The most characters of a message that comes from a candidate."""


def plain(text: str) -> str:
    r"""Return untrusted ``text`` as one line; characters that do not print are escaped, like ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def listing(text: str) -> str:
    """Return untrusted ``text`` with its lines kept, each of them `plain`."""
    if text.isprintable():
        return text
    return "\n".join(plain(line.expandtabs(4)) for line in text.splitlines())


def message_line(text: str, most: int = LINE) -> str:
    """Return an untrusted message as one `plain` line of at most ``most`` characters; white space is one blank."""
    line = plain(" ".join(text[: 20 * most].split()))
    return line if len(line) <= most else line[: most - 3] + "..."


def neutral(text: str) -> str:
    r"""Return untrusted ``text`` without what controls a terminal or hides the order of reading; lines and tabs stay.

    Colours are left out. Other control, format and surrogate characters become escapes such as ``\u001b``, which mean
    the same inside a JSON document.
    """
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], _COLOUR.sub("", text))


_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""The general categories Cc (without line feed and tab), Cf, Zl, Zp and Cs, and the tags of plane 14."""
