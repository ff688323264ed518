"""What `autotts sandbox check` prints: a summary by layer, the attacks that got through, and all with `--verbose`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autotts.agent.cli.main import main
from autotts.sandbox import check
from autotts.sandbox.check import Attack, AttackAttempt

ATTACKS = [Attack(f"file_{number}", "Reads a file.", "") for number in range(200)]


class _Recorded:
    """Attacks that were stopped, except one."""

    def __init__(self, _: Callable[..., object]) -> None: ...

    def __enter__(self) -> _Recorded:
        return self

    def __exit__(self, *_: object) -> None: ...

    def attempt(self, attack: Attack, policy: bool) -> AttackAttempt:
        breaches = ("the file was read",) if attack.name == "file_7" and not policy else ()
        return AttackAttempt(attack.name, attack.tries, policy, "policy" if policy else "exception", "no", breaches)


class _Open:
    name, about = "bubblewrap", "namespaces"

    def __enter__(self) -> _Open:
        return self

    def __exit__(self, *_: object) -> None: ...


def test_summary_is_short_and_names_what_got_through(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "attacks", lambda: ATTACKS)
    monkeypatch.setattr(check, "AttackCheck", _Recorded)
    monkeypatch.setattr("autotts.sandbox.choice.open_sandbox", lambda *_, **__: _Open())
    assert main(["sandbox", "check"]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) < 15
    assert "file_7, by the sandbox alone: GOT THROUGH: the file was read" in printed.err
    assert "200 attacks, 400 attempts, 1 got through; --verbose lists every attack" in printed.out
    assert main(["sandbox", "check", "--verbose"]) == 1
    assert "file_199" in capsys.readouterr().out
