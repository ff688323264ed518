"""Makes untrusted text safe to show on a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    r"""Return untrusted ``text`` as one line; characters that do not print are escaped, like ``\x1b``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def listing(text: str) -> str:
    """Return untrusted ``text`` with its lines kept, each of them `plain`."""
    return "\n".join(plain(line.expandtabs(4)) for line in text.splitlines())
