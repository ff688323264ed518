"""Reads tokens one after another."""

from __future__ import annotations

from collections.abc import Sequence

from .tokens import Token
from .tree import Unreadable

END = Token("finish", "")
"""Stands behind the last token."""


class TokenCursor:
    """A place in a sequence of tokens. Methods that read raise `Unreadable` if another token stands there."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = [*tokens, END]
        self.place = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def sign(self, *texts: str) -> bool:
        """Return whether the next token is one of the signs ``texts``."""
        token = self.tokens[self.place]
        return token.kind == "sign" and token.text in texts

    def command(self, *texts: str) -> bool:
        """Return whether the next token is one of the commands ``texts``."""
        token = self.tokens[self.place]
        return token.kind == "command" and token.text in texts

    def take(self) -> Token:
        """Return the next token, and go on to the one after it."""
        token = self.tokens[self.place]
        if token is END:
            raise Unreadable
        self.place += 1
        return token

    def expect(self, *texts: str) -> str:
        """Read one of the signs ``texts``, and return it."""
        if not self.sign(*texts):
            raise Unreadable
        return self.take().text
