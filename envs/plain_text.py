"""Makes untrusted text safe to keep and to show: no control characters, no hidden order, a bounded length."""

from __future__ import annotations

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
