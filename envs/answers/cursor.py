"""Reads tokens one after another."""

from __future__ import annotations

from collections.abc import Sequence

from .tokens import Token
from .tree import Unreadable


class TokenCursor:
    """A place in a sequence of tokens. Methods that read raise `Unreadable` if another token stands there."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.place = 0

    @property
    def next(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def sign(self, *texts: str) -> bool:
        """Return whether the next token is one of the signs ``texts``."""
        token = self.next
        return token is not None and token.kind == "sign" and token.text in texts

    def command(self, *texts: str) -> bool:
        token = self.next
        return token is not None and token.kind == "command" and token.text in texts

    def take(self) -> Token:
        token = self.next
        if token is None:
            raise Unreadable
        self.place += 1
        return token

    def expect(self, *texts: str) -> str:
        if not self.sign(*texts):
            raise Unreadable
        return self.take().text
