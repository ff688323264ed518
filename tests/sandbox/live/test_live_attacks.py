"""Whatever a controller does in front of a live question is a verdict, and no other question notices."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.check import LIMITS, PRELUDE, Attack, AttackTargets, attacks
from autotts.sandbox.evaluation import CandidateFailed
from autotts.sandbox.live.workers import LiveWorkers
from autotts.sandbox.outcome import Candidate, Kind

from ..test_sandboxes import NO_BUBBLEWRAP, SANDBOXES
from .replayed import ReplayedActions

HEAD = """
import ctypes, json, os, select, signal, struct, sys, time, _thread
from envs import Controller, IllegalAction, majority

def frame(kind, data=b"", says=None):
    os.write(3, struct.pack("<cI", kind, len(data) if says is None else says) + data)

def reached(what, *arguments):
    try:
        value = what(*arguments)
    except (OSError, AttributeError):
        return False
    return value not in (None, 0, -1, b"")

class Live(Controller):
    def solve(self, question):
        if self.beta > 0.5:
            return self.attack(question)
        return majority(question.run_many_to_end(question.branch_many(4)))

    def attack(self, question):
"""
ATTACKS = {
    "hangs": ("timeout", "while True: pass"),
    "waits for itself": ("timeout", "lock = _thread.allocate_lock(); lock.acquire(); lock.acquire()"),
    "hangs after an action": ("timeout", "question.step(question.branch())\nwhile True: pass"),
    "asks without end": (
        "timeout",
        "question.branch()\nwhile True:\n    try: question.probe(0)\n    except IllegalAction: pass",
    ),
    "writes half a frame": ("timeout", "os.write(3, b'Q')\nos.read(0, 1)"),
    "steals its reply": ("timeout", "frame(b'Q', bytes(1) + struct.pack('<q', 1))\nos.read(0, 4096), os.read(0, 1)"),
    "floods with requests": ("protocol", "while True: frame(b'Q', bytes([6]) * 1)"),
    "floods with bytes": ("protocol", "while True: os.write(3, bytes(60000))"),
    "writes garbage": ("protocol", "os.write(3, b'\\xff' * 100)\nwhile True: pass"),
    "a frame of the worker": ("protocol", "os.write(3, struct.pack('<cIiI', b'X', 1, 0, 0))\nwhile True: pass"),
    "a giant frame": ("protocol", "frame(b'Q', bytes(64), 1 << 31)\nwhile True: pass"),
    "a long request": ("protocol", "frame(b'Q', bytes([3]) + bytes(8 * 5)); os.read(0, 1)"),
    "an unknown verb": ("protocol", "frame(b'Q', b'\\x63'); os.read(0, 1)"),
    "deep text as a request": ("protocol", "frame(b'Q', b'[' * 33); os.read(0, 1)"),
    "deep text as a failure": ("protocol", "frame(b'F', b'[' * 16000); os.read(0, 1)"),
    "says that all is well": ("protocol", "frame(b'F', b'{\"kind\": \"ok\", \"message\": \"\", \"episode\": null}')"),
    "says that it has ended": ("protocol", "frame(b'X')\nwhile True: pass"),
    "asks with its answer": ("protocol", "os.write(3, struct.pack('<cI', b'A', 0) + struct.pack('<cIB', b'Q', 1, 6))"),
    "a token that it never saw": ("illegal_answer", "return '0123456789ab'"),
    "a text": ("illegal_answer", "return 'a'"),
    "no text": ("exception", "return []"),
    "equal to all": (
        "illegal_answer",
        "class All(str):\n    def __eq__(self, other): return True\n    def __hash__(self): return 1\nreturn All('x')",
    ),
    "forks": ("processes", "os.fork()"),
    "starts a thread": ("exception", "_thread.start_new_thread(print, ())"),
    "ends": ("exit", "os._exit(0)"),
    "exits": ("exit", "sys.exit(3)"),
    "crashes": ("crash", "ctypes.string_at(0)"),
    "aborts": ("crash", "os.abort()"),
    "kills its parent": ("exception", "os.kill(os.getppid(), signal.SIGKILL)"),
    "kills everybody": ("exception", "os.kill(-1, signal.SIGKILL)"),
    "prints without end": ("output", "while True: print('x' * 1000)"),
    "prints errors without end": ("output", "while True: sys.stderr.write('x' * 1000)"),
    "takes memory": ("memory", "x = bytearray(1 << 40)"),
    "recursion": ("exception", "return self.attack(question)"),
    "an illegal action": ("illegal_action", "question.step(0)"),
    "raises": ("exception", "raise ValueError('x' * 100000)"),
    "reads other descriptors": (
        "ok",
        "if any(reached(os.read, fd, 1) for fd in range(1, 200)): raise Breach('read another descriptor')",
    ),
    "writes to other descriptors": (
        "ok",
        "for fd in [*range(3), *range(4, 200)]:\n"
        "    if reached(os.write, fd, b'x'): raise Breach(f'wrote to descriptor {fd}')",
    ),
    "copies and closes descriptors": (
        "ok",
        "for fd in range(8):\n"
        "    for change in (os.dup, os.close, lambda fd: os.set_blocking(fd, False)):\n"
        "        try: change(fd)\n"
        "        except OSError: continue\n"
        "        raise Breach(f'changed descriptor {fd}')",
    ),
    "opens files": (
        "ok",
        "for name in ('/', '/worker.py', '/proc/self/maps', '/tmp/x', BAIT['file']):\n"
        "    if reached(open, name) or reached(os.listdir, name) or reached(os.stat, name): raise Breach(name)",
    ),
    "reaches a network": ("ok", "if ctypes.CDLL(None).socket(2, 1, 0) != -1: raise Breach('a socket')"),
    "reads a clock": (
        "ok",
        "for clock in (time.time, time.monotonic, time.perf_counter, time.process_time):\n"
        "    if reached(lambda: max(0, clock())): raise Breach('a clock')\n"
        "if reached(time.sleep, 0.001): raise Breach('it slept')\n"
        "try:\n    select.poll().poll(1)\nexcept OSError: pass\nelse: raise Breach('it waited')",
    ),
    "looks for others": (
        "ok",
        "router = sys._getframe(3).f_locals.get('self')\n"
        "if dict(os.environ) or sys.path: raise Breach('names of files')\n"
        "for other in router.children.values():\n"
        "    if any(other.inbox) or any(other.outbox): raise Breach('what belongs to another question')",
    ),
}  # fmt: skip
FEW = ["hangs", "floods with requests", "writes garbage", "a token that it never saw", "ends", "prints without end",
       "takes memory", "reads other descriptors", "opens files", "reaches a network", "reads a clock",
       "forks"]  # fmt: skip
HONEST = "\nreturn question.run_many_to_end(question.branch_many(4))[3]"


@asynccontextmanager
async def playing(
    source: str, sandbox: str, places: dict[str, str | int], limits: SandboxLimits
) -> AsyncIterator[LiveWorkers]:
    candidate = Candidate("attack", f"BAIT = {places!r}\n{PRELUDE}{source}")
    workers = LiveWorkers.open(candidate, sandbox, questions=5, limits=limits, check_policy=False)
    try:
        await workers.start()
        yield workers
    finally:
        await workers.close()


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_is_a_verdict_and_harms_no_other_question(
    name: str, sandbox: str, request: pytest.FixtureRequest
) -> None:
    if sandbox != "bubblewrap" and name not in FEW:
        pytest.skip(f"some of them in {sandbox}")
    if sandbox == "docker":
        request.getfixturevalue("image")
    kind, body = ATTACKS[name]
    if kind == "ok":
        body += HONEST
    source = HEAD + textwrap.indent(body, " " * 8) + "\n"

    async def run() -> None:
        async with playing(
            source, sandbox, targets.places, SandboxLimits(episode_seconds=3.0, memory=256 << 20)
        ) as workers:
            [link] = workers._alive()
            honest = [ReplayedActions.small() for _ in range(3)]
            for actions in honest:
                actions.patience = 500
            *outcomes, attack = await asyncio.gather(
                *(workers.solve(actions, 0.1) for actions in honest), workers.solve(ReplayedActions.small(), 0.9)
            )
            assert attack.verdict.kind == kind, attack
            assert "\n" not in attack.verdict.message and len(attack.verdict.message) < 900
            assert attack.answer == ("a" if kind == "ok" else None)
            outcomes.append(await workers.solve(ReplayedActions.small(), 0.1))
            assert [(outcome.verdict.kind, outcome.answer) for outcome in outcomes] == [("ok", "b")] * 4
            assert workers._alive() == [link]

    with AttackTargets() as targets:
        asyncio.run(run())
        assert targets.reached() == []


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", [pytest.param("bubblewrap", marks=NO_BUBBLEWRAP)])
@pytest.mark.parametrize("attack", attacks()[::8], ids=lambda attack: attack.name)  # the filter is nearly the same
def test_the_attacks_on_the_sandbox_fail_in_front_of_a_live_question_too(attack: Attack, sandbox: str) -> None:
    async def run() -> None:
        try:
            async with playing(attack.source, sandbox, targets.places, LIMITS) as workers:
                [link] = workers._alive()
                outcome = await workers.solve(ReplayedActions.small(), 0.5)
                assert outcome.verdict.kind in get_args(Kind) and "Breach: " not in outcome.verdict.message, outcome
                assert workers._alive() == [link]
        except CandidateFailed as failed:
            assert "Breach: " not in failed.verdict.message

    with AttackTargets() as targets:
        asyncio.run(run())
        assert targets.reached() == []
