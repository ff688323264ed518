"""The targets of fuzzing: all readers of bytes from a candidate or from a stranger.

`tests/fuzz/corpus/NAME` holds inputs of each target that reach different code, and all inputs that once failed.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from . import bundle_files, environment_files, frames, logs
from .mutation import Raw, raw

CORPUS = Path(__file__).with_name("corpus")
MOST_SECONDS = 5.0
"""CPU seconds that one input may take: more counts as a hang."""
MOST_MEGABYTES = 500
"""Memory that one input may take, beyond what the process had before: more is a failure."""


@dataclass(frozen=True)
class FuzzTarget:
    """A reader that is fuzzed."""

    name: str
    seeds: Callable[[], list[bytes]]
    """Inputs that our own writers make."""
    mutate: Callable[[bytes, Random, Raw], bytes]
    run: Callable[[bytes], bool]
    """Reads an input; returns whether the input was accepted. Every exception is a failure of the reader."""
    longest: int
    """Longest input in bytes."""

    def corpus(self) -> list[bytes]:
        """Return the seeds and the kept inputs."""
        return [*self.seeds(), *(path.read_bytes() for path in sorted((CORPUS / self.name).glob("*")))]


TARGETS = {
    target.name: target
    for target in (
        FuzzTarget("frames", frames.seeds, frames.mutate, frames.run, 1 << 16),
        FuzzTarget("logs", logs.seeds, logs.mutate, logs.run, 1 << 12),
        FuzzTarget("environments", environment_files.seeds, environment_files.mutate, environment_files.run, 1 << 17),
        FuzzTarget("bundles", bundle_files.seeds, bundle_files.mutate, bundle_files.run, 1 << 16),
    )
}


class Fuzzing:
    """Runs inputs of a target, and holds each to the limits of time and memory."""

    def __init__(self, target: FuzzTarget) -> None:
        self.target = target
        self.executions = self.accepted = self.largest = 0
        for seed in target.seeds():
            target.run(seed)  # caches are filled, modules are loaded

    def one(self, data: bytes) -> None:
        """Run one input.

        Raises:
            AssertionError: the target broke a promise, or took too long or too much memory.
        """
        began, before, highest = time.process_time(), present_megabytes(), peak_megabytes()
        self.accepted += self.target.run(data)
        self.executions += 1
        taken = time.process_time() - began
        assert taken < MOST_SECONDS, f"{taken:.1f} CPU seconds for {len(data)} bytes"
        grown = peak_megabytes() - before if peak_megabytes() > highest else 0
        self.largest = max(self.largest, grown)
        assert grown < MOST_MEGABYTES, f"{grown} MB for {len(data)} bytes"


def mutants(target: FuzzTarget, corpus: list[bytes], chance: Random) -> Iterable[bytes]:
    """Yield mutants of ``corpus`` without end."""
    while True:
        data = chance.choice(corpus)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data = target.mutate(data, chance, raw)[: target.longest]
        yield data


def peak_megabytes() -> int:
    """Return the most memory that this process has ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def present_megabytes() -> int:
    """Return the memory that this process holds now; the most that it has ever held, where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20
    except OSError:
        return peak_megabytes()
