"""Fuzz the readers of foreign bytes by the clock: `python -m benchmarks.fuzz logs --minutes 60`.

Each target runs in a process of its own, and is started again after a failure. New inputs that reach new code go to a
directory outside the repository; ``--keep`` adds the smallest set of them that covers the same code to
`tests/fuzz/corpus`. Inputs that failed go to `tests/fuzz/corpus` at once, where the tests find them.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from tests.fuzz.targets import CORPUS, MOST_SECONDS, TARGETS, FuzzTarget

ROOT = Path(__file__).parents[1]
MOST_FAILURES = 20
"""A target that fails as often is not fuzzed any further."""
MOST_SHOWN = 3000
"""The longest input in bytes that is printed when it fails."""
KEPT_BYTES = 30_000
"""Bytes of the corpus in the repository, for each target."""
MOST_ADDRESSES = 4 << 30
"""Address space of a process in bytes: it protects this machine. `MOST_MEGABYTES` is the limit of what is used."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="minutes for each target (default: 1)")
    parser.add_argument("--corpus", type=Path, help="directory of new inputs (default: a temporary one)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first process (default: 1)")
    parser.add_argument("--keep", action="store_true", help="add new inputs to the corpus of the repository")
    asked = parser.parse_args()
    if unknown := [name for name in asked.targets if name not in TARGETS]:
        parser.error(f"no target is called {unknown[0]}; there are {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory(prefix="autotts-fuzz-") as aside:
        failed = [
            name for name in asked.targets or TARGETS
            if fuzz(name, (asked.corpus or Path(aside)) / name, asked.minutes * 60, asked.seed, asked.keep)
        ]  # fmt: skip
    print(f"{len(failed)} failed" if failed else "no crash, no hang, no excess of memory")
    return bool(failed)


def fuzz(name: str, corpus: Path, seconds: float, seed: int, keep: bool) -> int:
    """Fuzz a target, print what it did, and return the number of failures."""
    corpus.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    for path in (CORPUS / name).iterdir():
        (corpus / path.name).write_bytes(path.read_bytes())
    end, failures = time.monotonic() + seconds, 0
    executions = accepted = peak = processes = 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    while (left := end - time.monotonic()) > 1 and failures < MOST_FAILURES:
        done, code = run(name, corpus, left, seed + processes)
        processes += 1
        executions, accepted, peak = executions + done[0], accepted + done[1], max(peak, done[2])
        failures += code != 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60
    print(
        f"{name}: {executions:,} executions in {used:.1f} CPU minutes, {accepted:,} accepted, {failures} failures, "
        f"at most {peak} MB, each under {MOST_SECONDS:g} s, corpus of {len(list(corpus.iterdir()))}",
        flush=True,
    )
    if keep:
        keep_smallest(name, corpus)
    return failures


def run(name: str, corpus: Path, seconds: float, seed: int) -> tuple[tuple[int, int, int], int]:
    """Run one process until it fails or time is over; return (executions, accepted, megabytes) and its exit code."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.engine",
        name,
        str(corpus),
        str(CORPUS / name),
        str(seconds),
        str(seed),
    ]
    last, tail = (0, 0, 0), list[str]()
    with subprocess.Popen(
        command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=limit_memory,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            if numbers := re.fullmatch(r"(\d+) (\d+) (-?\d+)\n", line):
                last = (int(numbers[1]), int(numbers[2]), int(numbers[3]))
            elif not line.startswith(("#", "INFO: ", "WARNING: ", "stat::", "0x", "\\", '"', "Base64", "MS:")):
                tail = [*tail[-40:], line[:300]]
    for double in (CORPUS / name).glob("libfuzzer-crash-*"):
        double.unlink()
    if process.returncode:
        print("".join(tail), flush=True)
        written = sorted((CORPUS / name).iterdir(), key=lambda path: path.stat().st_mtime)
        for failed in [path for path in written[-1:] if path.stat().st_size < MOST_SHOWN]:
            print(f"{failed}, in Base64: {base64.b64encode(failed.read_bytes()).decode()}", flush=True)
    return last, process.returncode


def limit_memory() -> None:
    """Limit the address space of a child."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))


def keep_smallest(name: str, corpus: Path) -> None:
    """Add inputs that reach other lines to the corpus of the repository, smallest first, as far as its size allows."""
    home = CORPUS / name
    kept = {path.read_bytes() for path in home.iterdir()}
    room, target = KEPT_BYTES - sum(map(len, kept)), TARGETS[name]
    reached: set[tuple[str, int, int]] = set()
    for data in (*target.seeds(), *kept, *sorted((path.read_bytes() for path in corpus.iterdir()), key=len)):
        lines = traced(target, data)
        if not lines <= reached and data not in kept and 0 < len(data) <= room and data not in target.seeds():
            (home / f"{len(data):05}-{hashlib.sha256(data).hexdigest()[:8]}").write_bytes(data)
            kept.add(data)
            room -= len(data)
        reached |= lines


def traced(target: FuzzTarget, data: bytes) -> set[tuple[str, int, int]]:
    """Return the pairs of lines of our own files that follow each other while an input is read."""
    reached: set[tuple[str, int, int]] = set()
    last: dict[int, int] = {}

    def follow(frame: FrameType, event: str, _: object) -> object:
        if not frame.f_code.co_filename.startswith(str(ROOT)):
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, last.get(id(frame), 0), frame.f_lineno))
            last[id(frame)] = frame.f_lineno
        return follow

    threading.settrace(follow)
    sys.settrace(follow)
    try:
        target.run(data)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return reached


if __name__ == "__main__":
    sys.exit(main())
