"""Fuzzes one target in this process until time is over: guided by coverage with atheris, else blindly.

``python -m tests.fuzz.engine TARGET CORPUS FAILURES SECONDS SEED``: new inputs that reach new code go to the directory
CORPUS; an input that fails goes to FAILURES, and ends the process with a code other than 0. The last line of the output
is ``executions accepted megabytes``.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

try:
    import atheris
except ImportError:  # no wheel for this machine
    atheris = None

RUNS = 10_000
"""Inputs of one process: the tables of the engine grow with each, by several kilobytes."""
HANG = 60
"""Seconds after which libFuzzer ends an input that never returns; `targets.MOST_SECONDS` finds the slow ones."""
OURS = ["autotts.envs", "autotts.sandbox", "autotts.agent.archive", "autotts.agent.records", "zipfile", "gzip"]


def main(name: str, corpus: Path, failures: Path, seconds: float, seed: int) -> None:
    """Fuzz the target ``name``."""
    guided = atheris.instrument_imports(include=OURS) if atheris else contextlib.nullcontext()
    with guided:
        from .targets import TARGETS, Fuzzing, mutants
    target = TARGETS[name]
    fuzzing = Fuzzing(target)

    def one(data: bytes) -> None:
        try:
            fuzzing.one(data)
        except BaseException:
            (failures / f"failed-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            raise

    seeds = target.seeds()
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    end = time.monotonic() + seconds
    if atheris is None:
        for data in mutants(target, [path.read_bytes() for path in corpus.iterdir()], Random(seed)):
            if time.monotonic() > end:
                break
            one(data)
        report(fuzzing)
        return

    def mutate(data: bytes, most: int, number: int) -> bytes:
        chance = Random(number)

        def change(part: bytes, _: Random) -> bytes:
            return bytes(atheris.Mutate(part, min(most, len(part) + 64))) if part else b"\0"

        if not chance.randrange(4):  # often anew, as most mutants of mutants of mutants are refused at once
            data = chance.choice(seeds)
        try:
            changed: bytes = target.mutate(data, chance, change)[:most]
        except Exception:  # of a value that no mutation was made for: the reader is on trial, not its mutations
            changed = change(data, chance)[:most]
        return changed or b"\0"

    def counted(data: bytes) -> None:
        one(data)
        if not fuzzing.executions % 100:
            report(fuzzing)

    options = (
        f"-max_total_time={int(seconds)}", f"-runs={RUNS}", f"-seed={seed}", f"-timeout={HANG}",
        f"-max_len={target.longest}", "-rss_limit_mb=0", "-print_final_stats=1",
        f"-artifact_prefix={failures}/libfuzzer-",
    )  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], counted, custom_mutator=mutate, internal_libfuzzer=True)
    atheris.Fuzz()


def report(fuzzing: Any) -> None:
    """Print the numbers so far."""
    print(fuzzing.executions, fuzzing.accepted, fuzzing.largest, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
