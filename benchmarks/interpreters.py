"""Compares interpreters byte for byte: `python -m benchmarks.interpreters [--evolved 200] [--replay DIR] [--python P]`.

All baselines, champions, versions of the shipped archives, controllers that the `evolve` explorer renders, and
controllers whose results would depend on the interpreter (`PECULIAR`) play the same episodes in every interpreter:
PyPy if it has been built, each CPython from 3.11 to 3.14 on the PATH or of pyenv, and each ``--python``. Logs, answers
and words of errors must equal those of the interpreter that runs this. Exits with 1 if any differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from autotts.agent.archive.champions import champion_names, champion_source
from autotts.envs.episodes import Episodes
from autotts.sandbox.backends.process import WORKER, ProcessSandbox, finds_pypy, pypy
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from benchmarks.false_alarms import batches, controllers

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
_HEAD = """
import collections, math, random, statistics
from envs import Controller
class Peculiar(Controller):
    def solve(self, question):
        opened = question.branch_many(min(8, question.max_branches))
        answers = [question.step(i)[0] for i in opened]
        number = self.random.random() * len(opened)
"""
_END = """
        return question.run_to_end(opened[int(abs(number) * 1e9) % len(opened)]) if number == number else None
"""
_LINES = {
    "sum": "number = sum(self.random.uniform(-1, 1) * 10.0 ** k for k in range(-8, 9)) * 1e8",
    "sum of both": "number = sum([1, 0.1, 10 ** 17, -10 ** 17, 0.7, True], 0.3)",
    "set of numbers": """
        left = {self.random.randrange(400) for _ in range(40)} - {1, 2, 3, 5, 8, 13}
        left.discard(7); left |= set(range(0, 90, 11)); left ^= {9, 4, 400, 77}
        number = math.fsum(key / (place + 3) for place, key in enumerate(left)) + left.pop()""",
    "set of pairs": """
        pairs = frozenset((i % 5, -i) for i in range(12)) | {(None and 0 or 1, 2.5)}
        number = math.fsum(a / (place + 1) + b for place, (a, b) in enumerate(pairs))""",
    "views": """
        counts = {self.random.randrange(99): i for i in range(20)}; other = {k: 1 for k in range(0, 99, 3)}
        number = math.fsum(k / (place + 1) for place, k in enumerate((counts.keys() - other.keys()) | {1000, 3}))""",
    "random": """
        r = self.random; deck = list(range(30)); r.shuffle(deck)
        number = r.gauss(0, 1) + r.betavariate(2, 3) + r.choice(deck) + r.choices(deck, range(1, 31))[0] + deck[3]
        number += sum(r.sample(deck, 4)) + r.triangular() + r.expovariate(3) + r.vonmisesvariate(0, 2)""",
    "statistics": """
        x = [self.random.random() for _ in range(9)]; y = [a * 3 + self.random.random() for a in x]
        number = statistics.correlation(x, y) + statistics.covariance(x, y) + statistics.linear_regression(x, y)[1]
        number += statistics.stdev(x) + statistics.fmean(y) + statistics.NormalDist(0.2, 2).cdf(x[0])""",
    "mathematics": """
        x = number + 0.1
        number = math.erf(x) + math.erfc(x) + math.log2(x) + math.degrees(x) + math.lgamma(x) + math.exp(-x) + x ** 0.37
        number += math.hypot(x, 1, 2) + math.log1p(x) + math.tanh(x) + math.comb(40, 7) / 3 + math.dist((x,), (3,))""",
    "words": "number = float(repr(number)) + len(f'{number:.3g} {number!r}') + hash((1, 2.5, number))",
    "ties": "number = max(sorted(opened, key=lambda i: i % 3), key=lambda i: i % 2) + 0.123456789",
}
_ERRORS = (
    "[][1]", "{}['x']", "1 / 0", "1.0 % 0", "None[0]", "len(None)", "min([])", "max([])", "[1].remove(2)", "[1]['a']",
    "-'a'", "int(None)", "float('x')", "nowhere", "None + 1", "[1] < 'a'", "Peculiar.other", "10.0 ** 1000",
    "next(iter([]))", "'{}'.format()", "divmod(1, 0)", "(lambda a: a)()", "statistics.mean([])", "'a' in 5",
    "sorted([1, None])", "math.sqrt(-1)", "set().pop()", "question.step(99)", "question.branch_many(99)",
)  # fmt: skip
PECULIAR = {
    **{name: f"{_HEAD}        {line.strip()}{_END}" for name, line in _LINES.items()},
    **{f"error {line}": f"{_HEAD}        {line}{_END}" for line in _ERRORS},
}
"""Controllers whose results would depend on the interpreter, by what they use."""


class PythonSandbox(ProcessSandbox):
    """Plain processes of any interpreter.

    Args:
        program: the command that starts it.
        interpreter: ``cpython``, or ``pypy``.
    """

    name = "python"

    def __init__(self, program: Sequence[str], interpreter: str = "cpython") -> None:
        super().__init__(1, interpreter=interpreter)
        self._program = list(program)

    def command(self) -> list[str]:
        """See `ProcessSandbox.command`."""
        return [*self._program, "-I", "-S", str(WORKER)]


def interpreters(further: Iterable[str] = ()) -> dict[str, PythonSandbox]:
    """Return a sandbox for each interpreter of this machine, by its version; this one comes first.

    Args:
        further: paths of interpreters.
    """
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    paths = [*further, *(found for version in VERSIONS if (found := shutil.which(f"python{version}")))]
    paths += [str(path) for version in VERSIONS for path in sorted(home.glob(f"{version}.*/bin/python"))]
    found = {_version([sys.executable]): PythonSandbox([sys.executable])}
    for path in paths:
        if (version := _version([path])).startswith(tuple(f"CPython {known}." for known in VERSIONS)):
            found.setdefault(version, PythonSandbox([path]))
    if finds_pypy():
        found[_version(pypy())] = PythonSandbox(pypy(), "pypy")
    return found


def _version(program: list[str]) -> str:
    """Return the name and the version of an interpreter; empty if it does not start."""
    name = "'PyPy' if sys.implementation.name == 'pypy' else 'CPython'"
    line = f"import sys; print({name}, '%d.%d.%d' % sys.version_info[:3])"
    done = subprocess.run([*program, "-I", "-S", "-c", line], capture_output=True, text=True, env={}, check=False)
    return done.stdout.strip()


def result(candidate: Candidate, episodes: Episodes, sandbox: Sandbox) -> str:
    """Return the verdict with its words, and a hash of all logs and answers."""
    found = evaluate(candidate, episodes, sandbox)
    if found.logs is None:
        return f"{found.verdict.kind}: {found.verdict.message}"
    digest = hashlib.sha256()
    for name, column in found.logs.columns().items():
        digest.update(f"{name} {column.dtype} {column.shape}".encode() + np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def candidates(evolved: int) -> list[tuple[str, Candidate]]:
    """Return the kind and the candidate of each controller that is compared."""
    fast = [("champion", Candidate(name, champion_source(name))) for name in champion_names()]
    peculiar = [("peculiar", Candidate(name, source)) for name, source in PECULIAR.items()]
    return [*controllers(evolved), *fast, *peculiar]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--evolved", type=int, default=200)
    parser.add_argument("--replay", type=Path, help="directory of recorded environments in the published JSON")
    parser.add_argument("--python", nargs="*", default=[], help="paths of further interpreters")
    arguments = parser.parse_args()
    played, chosen = batches(arguments.replay), candidates(arguments.evolved)
    (reference, first), *others = interpreters(arguments.python).items()
    print(f"{len(chosen)} controllers, {sum(map(len, played))} episodes each; the reference is {reference}", flush=True)
    differences = 0
    with first.reusing_workers() as reusing:
        expected = [[result(candidate, episodes, reusing) for episodes in played] for _, candidate in chosen]
    for name, sandbox in others:
        began, before = time.monotonic(), differences
        with sandbox.reusing_workers() as reusing:
            for (kind, candidate), awaited in zip(chosen, expected, strict=True):
                for episodes, wanted in zip(played, awaited, strict=True):
                    if (found := result(candidate, episodes, reusing)) != wanted:
                        differences += 1
                        print(f"{name}: {kind} {candidate.name}: {found[:100]}, not {wanted[:100]}", flush=True)
        print(f"{name:16} {differences - before} differences, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
