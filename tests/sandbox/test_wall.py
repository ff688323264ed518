"""The wall around a candidate: the filters of system calls, what is loaded before them, and the files of bubblewrap."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import policy, wire
from autotts.sandbox.backends import root as roots
from autotts.sandbox.backends.process import ProcessWorker
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.base import SandboxError
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.worker import seccomp

from .test_sandboxes import NO_BUBBLEWRAP, SANDBOXES

EPISODES = grid(
    [generate(next(iter(default_models().values())), "toy/model", questions=2, branches=4)], [0.5], range(2)
)
PROJECT = Path(__file__).parents[2]
ALLOWED, REFUSED, BUSY, KILLED = 0x7FFF0000, 0x00050001, 0x0005000B, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {"write": 1, "mmap": 9, "mprotect": 10, "madvise": 28, "futex": 202, "getrandom": 318},
    "aarch64": {"write": 64, "mmap": 222, "mprotect": 226, "madvise": 233, "futex": 98, "getrandom": 278},
}
ALWAYS = {"x86_64": {11, 12, 25, 60, 231}, "aarch64": {215, 214, 216, 93, 94}}
PROCESSES = {"x86_64": {56, 57, 58, 435}, "aarch64": {220, 435}}


def verdict(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """Return the answer of a filter to a system call, as the kernel would compute it."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(*arguments, *[0] * 6)[:6])
    lines = list(struct.iter_unpack("<HBBI", program))
    at, value = 0, 0
    while True:
        code, yes, no, operand = lines[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return int(operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if holds else no


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_a_candidate_may_make_a_handful_of_calls_and_no_others(machine: str) -> None:
    program, audit = seccomp.candidate_program(machine), ARCHITECTURES[machine]
    answers = {number: verdict(program, audit, number) for number in range(1000)}
    assert {number for number, answer in answers.items() if answer == BUSY} == PROCESSES[machine]
    free = {number for number, answer in answers.items() if answer == ALLOWED}
    assert free == ALWAYS[machine] | {CALLS[machine][name] for name in ("futex", "getrandom", "mprotect")}
    assert {answers[number] for number in set(answers) - free - PROCESSES[machine]} == {REFUSED}
    assert all(verdict(program, audit, 0x40000000 + number) == REFUSED for number in range(1000))
    assert verdict(program, audit ^ 1, 1, 3) == KILLED


@pytest.mark.parametrize("machine", seccomp.MACHINES)
@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("write", (1,), True),
        ("write", (2,), True),
        ("write", (3,), True),
        ("write", (0,), False),
        ("write", (4,), False),
        ("write", ((1 << 32) - 1,), False),
        ("mmap", (0, 4096, 3, 0x22, 0xFFFFFFFF), True),
        ("mmap", (0, 4096, 3, 0x4022, 0xFFFFFFFF), True),
        ("mmap", (0, 4096, 7, 0x22, 0xFFFFFFFF), False),
        ("mmap", (0, 4096, 4, 0x22, 0xFFFFFFFF), False),
        ("mmap", (0, 4096, 1, 0x2, 3), False),
        ("mmap", (0, 4096, 1, 0x21, 0xFFFFFFFF), False),
        ("mmap", (0, 4096, 3, 0x32, 0xFFFFFFFF), False),
        ("mmap", (0, 4096, 3, 0x8022, 0xFFFFFFFF), False),
        ("mprotect", (0, 4096, 3), True),
        ("mprotect", (0, 4096, 5), False),
        ("madvise", (0, 4096, 4), True),
        ("madvise", (0, 4096, 8), True),
        ("madvise", (0, 4096, 3), False),
        ("madvise", (0, 4096, 21), False),
        ("futex", (1, 129), True),
        ("futex", (1, 128, 0, 0), True),
        ("futex", (1, 393, 0, 0), True),
        ("futex", (1, 128, 0, 1), False),
        ("futex", (1, 393, 0, 1 << 32), False),
        ("futex", (1, 393, 0, 1), False),
        ("futex", (1, 6, 0, 0), False),
        ("getrandom", (1, 8, 0), True),
        ("getrandom", (1, 8, 1), True),
        ("getrandom", (1, 8, 2), False),
    ],
)
def test_the_arguments_of_allowed_calls_are_checked(
    machine: str, call: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    answer = verdict(seccomp.candidate_program(machine), ARCHITECTURES[machine], CALLS[machine][call], *arguments)
    assert answer == (ALLOWED if allowed else REFUSED)


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_in_front_of_a_live_model_a_candidate_reads_one_descriptor_and_writes_one(machine: str) -> None:
    usual, live = (seccomp.candidate_program(machine, live=live) for live in (False, True))
    audit, write, read = ARCHITECTURES[machine], CALLS[machine]["write"], {"x86_64": 0, "aarch64": 63}[machine]
    for descriptor in (*range(200), (1 << 32) - 1):
        assert verdict(live, audit, read, descriptor) == (ALLOWED if descriptor == 0 else REFUSED)
        assert verdict(live, audit, write, descriptor) == (ALLOWED if descriptor == 3 else REFUSED)
        assert verdict(usual, audit, read, descriptor) == REFUSED
    for number in set(range(1000)) - {read, write}:
        for argument in (0, 1, 3, 4096):
            assert verdict(live, audit, number, *[argument] * 6) == verdict(usual, audit, number, *[argument] * 6)


@pytest.fixture(scope="module", params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[WorkerSandbox]:
    if request.param == "docker":
        request.getfixturevalue("image")
    with open_sandbox(request.param) as opened:
        yield opened


HONEST = f"""
import {", ".join(sorted(policy.MODULES - {"__future__"}))}
from dataclasses import asdict, dataclass, field
from decimal import Decimal, localcontext
from envs import Controller

@functools.singledispatch
def kind(value): return "other"
@kind.register
def _(value: int) -> str: return "int"

@dataclass(order=True)
class Größe:  # as an identifier, it needs the tables of Unicode
    value: int = 0
    parts: list = field(default_factory=list)

class Everything(Controller):
    def solve(self, question):
        größte = max(Größe(3, [1]), Größe(2))
        assert asdict(größte) == {{"value": 3, "parts": [1]}} and copy.deepcopy(größte) == größte and kind(1) == "int"
        with localcontext() as context:
            context.prec = 5
            assert str(Decimal(1) / 3) == "0.33333" and f"{{fractions.Fraction(1, 3) * 3}}" == "1"
        statistics.NormalDist(0, 1).quantiles(4), statistics.linear_regression([1, 2], [3, 4])
        for code in ("ascii", "latin-1", "utf-8", "utf-16", "utf-32", "unicode_escape", "cp1252"):
            assert "abc".encode(code).decode(code) == "abc"
        random.Random().random(), "\\N{{BULLET}}".casefold(), f"{{1234.5:n}}", textwrap.fill("a b", 2)
        typing.get_type_hints(kind), string.Template("$a").substitute(a=1), string.Formatter().format("{{}}", 1)
        enum.Enum("Color", "RED GREEN"), collections.namedtuple("Pair", "a b")(1, 2), abc.ABC, numbers.Number
        big = [0] * (1 << 20) + [1] * (1 << 21)
        del big
        try:
            raise ValueError("caught") from KeyError()
        except ValueError as error:
            assert error.__traceback__.tb_lineno
        return question.run_to_end(question.branch())
"""


def test_honest_code_finds_all_it_needs_behind_the_wall(sandbox: WorkerSandbox) -> None:
    result = evaluate(HONEST, EPISODES, sandbox)
    assert result.verdict.ok, result.verdict


def test_a_failure_names_its_line_without_reading_a_file(sandbox: WorkerSandbox) -> None:
    source = "from envs import Controller\nclass A(Controller):\n    def solve(self, question):\n        return 1 / 0\n"
    assert "ZeroDivisionError: division by zero (line 4)" in evaluate(source, EPISODES, sandbox).verdict.message
    assert "No module named 'sqlite3'" in evaluate("import sqlite3\n", EPISODES, sandbox).verdict.message


def test_a_worker_loads_what_the_policy_allows() -> None:
    assert set(wire.preloaded()) == {name for name in policy.MODULES if not name.startswith(("envs", "autotts"))}


def test_a_strict_worker_does_not_start_where_the_kernel_cannot_confine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "MACHINES", ())

    class WithoutFilter(WorkerSandbox):
        name = about = "a worker on a processor without a filter"

        def __init__(self, strict: bool) -> None:
            super().__init__()
            self.strict = strict

        def start(self) -> ProcessWorker:
            with open_sandbox("process") as plain:
                return ProcessWorker(plain.command(), strict=self.strict)  # type: ignore[attr-defined]

    source = "from envs import Controller\nclass A(Controller):\n    def solve(self, question): return None\n"
    with pytest.raises(SandboxError, match="this machine cannot confine a candidate: no filter of system calls"):
        evaluate(source, EPISODES, WithoutFilter(strict=True))
    assert evaluate(source, EPISODES, WithoutFilter(strict=False)).verdict.ok


CLOCKS = """
import ctypes, sys
sys.path.insert(0, sys.argv[1])
import worker
library = worker.hide()
assert any(name.startswith("[vvar") for _, name in worker.mapped())
print(worker.take_clocks(library), [name for _, name in worker.mapped() if name.startswith("[vvar")], flush=True)
page = library.mmap(None, 4096, 7, 0x22, -1, 0)
ctypes.memmove(page, bytes.fromhex("0f31c3"), 3)  # rdtsc; ret
print("the counter stands at", ctypes.CFUNCTYPE(ctypes.c_uint32)(page)())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the counter of x86 processors")
def test_clock_pages_are_gone_and_the_counter_ends_the_process_even_without_a_filter() -> None:
    line = [sys.executable, "-I", "-S", "-c", CLOCKS, str(PROJECT / "sandbox" / "worker")]
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[] []\n", -signal.SIGSEGV), done.stderr


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user" / "cache"))
    roots.root.cache_clear()
    yield tmp_path / "user" / "cache"
    roots.root.cache_clear()


@NO_BUBBLEWRAP
def test_bubblewrap_shows_a_few_hundred_files_that_name_neither_project_nor_user(own_cache: Path) -> None:
    root = roots.root()
    names = [str(path.relative_to(root)) for path in root.rglob("*")]
    assert 50 < len(names) < 400
    project, home = (str(path).strip("/") for path in (PROJECT, Path.home()))
    assert not [name for name in names if name.startswith((project, home))]
    assert (root / "worker.py").read_bytes() == (PROJECT / "sandbox" / "worker" / "worker.py").read_bytes()
    assert root.is_relative_to(own_cache)


@NO_BUBBLEWRAP
def test_a_damaged_or_foreign_tree_is_not_used(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = roots.root()
    worker = root / "worker.py"
    status = worker.stat()
    worker.write_bytes(worker.read_bytes()[:-1] + b"#")
    os.utime(worker, ns=(status.st_atime_ns, status.st_mtime_ns))
    roots.root.cache_clear()
    assert roots.root() == root
    assert not worker.read_bytes().endswith(b"#")
    own_cache.chmod(0o777)  # others can put a tree of their own there
    roots.root.cache_clear()
    assert not roots.root().is_relative_to(own_cache)
