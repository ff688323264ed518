"""The secret from which all chance of an audit comes: no candidate, no explorer and no file of a run can know it."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import NoReturn, Self

import numpy as np

_SIZE = 32


class AuditKey:
    """The chance of one audit: which episodes are drawn, and all of their decoys.

    No other audit uses the same key, so a key is harmless as soon as its audit is over. The verdict of a conviction
    holds it, to show the convicted episode again.

    Args:
        value: 32 bytes.

    Raises:
        ValueError: ``value`` has another length.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != _SIZE:
            raise ValueError(f"the key of an audit has {_SIZE} bytes, but this one has {len(value)}")
        self._value = value

    @classmethod
    def of_hex(cls, text: str) -> Self:
        """Return the key that `hex` wrote.

        Raises:
            ValueError: ``text`` is not such a key.
        """
        return cls(bytes.fromhex(text))

    def hex(self) -> str:
        """Return the key as text, for a conviction."""
        return self._value.hex()

    def generator(self, *parts: str | int) -> np.random.Generator:
        """Return a generator of its own for the part of the audit that ``parts`` name.

        Philox is keyed and counted with all 256 bits. From its output a candidate cannot compute its key, as it might
        compute the state of a generator that is merely good for statistics.
        """
        words = np.frombuffer(_hmac(self._value, *(str(part).encode() for part in parts)), np.uint64)
        counter = np.concatenate((np.zeros(2, np.uint64), words[2:]))  # the low half counts the output
        return np.random.Generator(np.random.Philox(key=words[:2], counter=counter))

    def __repr__(self) -> str:
        return "AuditKey(...)"


class AuditSecret:
    """The secret of a run, in the memory of the host process only: a resumed run draws another one.

    It cannot be pickled, so it reaches no checkpoint and no other process.

    Args:
        value: the secret; None draws 32 bytes from the operating system. Only tests give one.
        nonce: returns fresh bytes for each audit. Only tests give another function, to repeat their audits.
    """

    __slots__ = ("_nonce", "_value")

    def __init__(self, value: bytes | None = None, nonce: Callable[[], bytes] = lambda: os.urandom(_SIZE)) -> None:
        self._value = os.urandom(_SIZE) if value is None else value
        self._nonce = nonce

    def key(self, source: str) -> AuditKey:
        """Return a fresh key for one audit of a candidate with this source. No two calls return the same key."""
        return AuditKey(_hmac(self._value, self._nonce(), hashlib.sha256(source.encode(errors="replace")).digest()))

    def __repr__(self) -> str:
        return "AuditSecret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the secret of a run stays in the memory of its process")


def _hmac(key: bytes, *parts: bytes) -> bytes:
    """Return the HMAC-SHA256 of ``parts``, each with its length, so that no two lists of parts are taken as equal."""
    text = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hmac.new(key, text, hashlib.sha256).digest()
