"""Transcripts of conversations as readable text, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|CUSTOM_HEADERS", re.IGNORECASE)
_SECRET_LOOK = re.compile(r"\b(?:sk|pk|xox[a-z]|gh[a-z]|key)-[A-Za-z0-9_-]{16,}|\bBearer\s+[A-Za-z0-9._~+/-]{16,}=*")
_SHORTEST = 8
"""Characters below which a variable's value is not treated as a secret: hiding "1" or "yes" would ruin a text."""
HIDDEN = "[secret]"


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return ``text`` without the values of secret environment variables, and without text that looks like a key."""
    for value in _secrets(environment):
        text = text.replace(value, HIDDEN)
    return _SECRET_LOOK.sub(HIDDEN, text)


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            # a variable may hold several lines, and each line may be quoted alone
            parts = {value, *value.splitlines(), *(line.partition(":")[2].strip() for line in value.splitlines())}
            yield from sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True)


class Transcript:
    """A growing text with one heading per message, call or result."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def add(self, heading: str, text: str = "") -> None:
        """Append a part with a heading."""
        self._parts.append(f"## {heading}\n{text.rstrip()}\n" if text.strip() else f"## {heading}\n")

    def text(self) -> str:
        """Return the whole text, redacted, with characters replaced that UTF-8 cannot encode."""
        return clean(redact("\n".join(self._parts)))


def clean(text: str) -> str:
    """Return ``text`` with lone surrogates replaced: JSON may contain them, files cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
