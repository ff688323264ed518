"""All chance of an audit comes from a secret that no candidate and no explorer can know."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from autotts.sandbox.audit.secret import AuditKey, AuditSecret


def test_no_two_audits_use_the_same_key() -> None:
    secret = AuditSecret(bytes(32))
    keys = {secret.key("the same source").hex() for _ in range(100)}
    assert len(keys) == 100
    assert AuditSecret().key("source").hex() != AuditSecret().key("source").hex()


def test_a_test_can_repeat_its_audits() -> None:
    one, two = (AuditSecret(bytes(32), nonce=lambda: b"fixed") for _ in range(2))
    assert one.key("source").hex() == two.key("source").hex()
    assert one.key("source").hex() != one.key("another source").hex()
    assert one.key("source").hex() != AuditSecret(bytes(31) + b"1", nonce=lambda: b"fixed").key("source").hex()


def test_the_text_of_a_secret_hides_it() -> None:
    secret = AuditSecret(b"\x01" * 32)
    key = secret.key("source")
    for text in (repr(secret), str(secret), repr(key), str(key), f"{[secret, key]}"):
        assert "01" not in text and key.hex()[:8] not in text and "x01" not in text
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_written_anywhere(protocol: int) -> None:
    with pytest.raises(TypeError, match="stays in the memory"):
        pickle.dumps(AuditSecret(), protocol)


def test_the_same_key_gives_the_same_generator_for_the_same_part_only() -> None:
    key = AuditSecret().key("source")
    again = AuditKey.of_hex(key.hex())

    def draws(of: AuditKey, *parts: str | int) -> list[int]:
        return of.generator(*parts).integers(0, 1 << 62, 8).tolist()

    assert draws(key, "decoys", 1) == draws(again, "decoys", 1)
    parts: tuple[tuple[str | int, ...], ...] = (("draw",), ("decoys", 1), ("decoys", 2), ("decoys", 1, 2), ("decoys1",))
    assert len({tuple(draws(key, *p)) for p in parts}) == len(parts)
    assert np.intersect1d(draws(key, "decoys", 1), draws(key, "decoys", 2)).size == 0


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33])
def test_a_damaged_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        AuditKey.of_hex(text)
