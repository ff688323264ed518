"""No attack of ``tests/attacks`` gets through, in Docker and in bubblewrap, with and without the source policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.check import HONEST, PRELUDE, Attack, AttackCheck, AttackTargets, attacks
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.outcome import Candidate, Kind

from .test_sandboxes import NO_BUBBLEWRAP

ATTACKS = attacks()
_PRIORITY = next(attack for attack in ATTACKS if attack.name == "state_parent_priority")
SANDBOXES = [
    pytest.param("bubblewrap", marks=NO_BUBBLEWRAP),
    pytest.param("docker", marks=pytest.mark.docker),
]


@pytest.fixture(scope="module", params=SANDBOXES)
def under_attack(request: pytest.FixtureRequest) -> Iterator[AttackCheck]:
    if request.param == "docker":
        request.getfixturevalue("image")
    with AttackCheck(lambda limits: open_sandbox(request.param, limits=limits)) as check:
        yield check


@pytest.mark.slow
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "alone"])
@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_no_attack_gets_through(attack: Attack, policy: bool, under_attack: AttackCheck) -> None:
    attempt = under_attack.attempt(attack, policy)
    assert not attempt.breaches
    assert attempt.verdict in get_args(Kind)
    assert "\n" not in attempt.stopped_by


def test_an_attack_that_gets_through_is_noticed(under_attack: AttackCheck) -> None:
    targets = under_attack._targets
    more = HONEST.replace("return honest(question)", "return question.run_to_end(question.branch_many(3)[2])")
    assert under_attack.attempt(Attack("honest", "nothing", HONEST), True).breaches == ()
    assert "honest branch" in str(under_attack.attempt(Attack("other", "another branch", more), False).breaches)
    Path(str(targets.places["file"])).write_text("changed")
    (Path(str(targets.places["drop"])) / "here").write_text("written")
    assert len(under_attack.attempt(Attack("honest", "nothing", HONEST), True).breaches) == 2
    says = HONEST.replace("return honest(question)", "raise Breach('through')")
    assert "through" in str(under_attack.attempt(Attack("says", "says so", says), False).breaches)


def test_there_are_sixty_attacks_with_distinct_descriptions() -> None:
    assert len(ATTACKS) >= 60
    assert all(attack.tries.endswith(".") and len(attack.tries) > 10 for attack in ATTACKS)
    assert len({attack.tries for attack in ATTACKS}) == len(ATTACKS)


def test_each_reached_target_is_reported_once() -> None:
    import socket

    with AttackTargets() as targets:
        assert targets.reached() == []
        with socket.create_connection(("127.0.0.1", int(targets.places["tcp"]))):
            assert targets.reached() == ["a connection to the host's tcp"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", int(targets.places["udp"])))
        assert targets.reached() == ["a connection to the host's udp"]
        assert targets.reached() == []
    assert not targets.home.exists()


def test_the_prelude_defines_breach_in_two_lines() -> None:
    space: dict[str, object] = {}
    exec(PRELUDE, space)
    assert issubclass(space["Breach"], BaseException)  # type: ignore[arg-type]
    assert Candidate("x", PRELUDE).source.count("\n") == 2


class Kernel:
    """The priority of a process, as the kernel keeps it for processes without privileges."""

    def __init__(self, begins: int, *, refuses: bool) -> None:
        self.priority, self._refuses = begins, refuses

    def getpriority(self, which: int, who: int) -> int:
        return self.priority

    def setpriority(self, which: int, who: int, value: int) -> None:
        if self._refuses or value < self.priority:
            raise PermissionError
        self.priority = value


@pytest.mark.parametrize("begins", [0, 5, 10, 19])
@pytest.mark.parametrize("refuses", [True, False])
def test_the_attack_on_priorities_does_not_depend_on_the_priority_it_begins_with(
    begins: int, refuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(begins, refuses=refuses)
    monkeypatch.setattr(os, "getpriority", kernel.getpriority)
    monkeypatch.setattr(os, "setpriority", kernel.setpriority)
    space: dict[str, Any] = {}
    exec("\n".join((PRELUDE.replace("question.run_to_end(question.branch())", "'honest'"), _PRIORITY.source)), space)
    attack = space["Attack"](0.0)
    if refuses:
        assert attack.solve(None) == "honest"
        assert kernel.priority == begins
    else:
        with pytest.raises(space["Breach"]):
            attack.solve(None)


class NicedSandbox(ProcessSandbox):
    """A plain process that begins with a lower priority, as on a batch system."""

    def command(self) -> list[str]:
        return ["nice", "-n", "5", *super().command()]


@pytest.mark.slow
def test_a_niced_sandbox_raises_no_false_alarm() -> None:
    with AttackCheck(lambda limits: NicedSandbox(1, limits)) as check:
        for policy in (True, False):
            assert not check.attempt(_PRIORITY, policy).breaches
