"""Addresses of runs and archives, as users type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.archive.storage.addresses import is_address, located, names_server, parsed
from autotts.envs.errors import InputError


@pytest.mark.parametrize(
    ("text", "kind", "server", "name"),
    [
        ("postgresql://h/d/1", "run", "postgresql://h/d", "1"),
        ("postgres://me@h:6432/d/a%20b", "run", "postgresql://me@h:6432/d", "a b"),
        ("postgresql:///d/x?host=/tmp/s&port=1", "run", "postgresql:///d?host=/tmp/s&port=1", "x"),
        ("postgresql://h/d?archive=best", "archive", "postgresql://h/d", "best"),
        ("postgresql://h/d/best", "archive", "postgresql://h/d", "best"),
        ("postgresql://h/d", "archive", "postgresql://h/d", "archive"),
        ("postgresql:///?service=s&archive=x", "archive", "postgresql:///?service=s", "x"),
    ],
)
def test_addresses_are_understood_and_printed_so_that_they_can_be_typed_again(
    text: str, kind: str, server: str, name: str
) -> None:
    found = parsed(text, kind)  # type: ignore[arg-type]
    assert (found.server, found.name) == (server, name)
    if "service" not in text:
        assert parsed(str(found), kind) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("postgresql://u:secret@h/d/1", "leave the password out"),
        ("postgresql://h/d/1?password=secret", "leave the password out"),
        ("postgresql://h/d", "name the run"),
        ("postgresql://h", "no address"),
        ("postgresql://h/d/a/b", "no address"),
        ("postgresql://h/d/1#x", "no address"),
        ("postgresql://h:port/d/..", "no name of a file"),
        ("postgresql://[h/d/1", "no address"),
    ],
)
def test_other_addresses_are_refused_in_one_line_without_their_password(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        parsed(text, "run")
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_everything_else_is_a_directory() -> None:
    assert located("runs/1") == Path("runs/1") and not is_address("postgresql:x") and not names_server("runs/1")
    assert names_server("postgresql://h/d") and not names_server("postgresql://h/d/1")
