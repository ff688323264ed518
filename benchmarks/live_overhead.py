"""What a sandboxed controller adds to the actions of a live model: time for each step, memory, processes.

    python -m benchmarks.live_overhead [SANDBOX] [QUESTIONS] [--seconds S]

A question without a model answers at once, so that all of the time is that of the sandbox. First one question steps one
branch at a time: the median time of a step. Then QUESTIONS questions (200) are always open, each with the model's time
of a step (20 ms, by the clock of the event loop), for S seconds (30): the median time that a step takes longer than
that, and the memory and processes at the beginning and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from autotts.envs.contract.question import Probe
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.sandbox.live.workers import LiveWorkers
from autotts.sandbox.outcome import Candidate

STEPS = 1000
MODEL = 0.02
"""Seconds that the model takes for a step, when many questions are open."""
SOURCE = """
from envs import Controller

class Steps(Controller):
    def solve(self, question):
        branch, answer = question.branch(), None
        while not question.finished(branch):
            answer, _ = question.step(branch)
        return answer
"""


class TimedActions:
    """`LiveActions` of one branch, which measures the time from the end of a step to the request of the next.

    Args:
        steps: the steps of the branch.
        model: seconds that each step takes.
    """

    def __init__(self, steps: int, model: float = 0.0) -> None:
        answers = [["ab"[i % 2] for i in range(steps)]]
        self._question = ReplayQuestion(Recording.of(answers, [100 * steps], 100), range(1), 1)
        self._model, self._answered = model, 0.0
        self.max_branches, self.max_tokens = 1, None
        self.tokens_ran_out, self.can_step = False, True
        self.waits: list[float] = []
        """Seconds between the reply to each step and the next request."""

    async def branch_many(self, n: int) -> list[int]:
        return self._question.branch_many(n)

    async def advance(self, i: int) -> bool:
        return self._question.advance(i)

    async def probe(self, i: int) -> str | None:
        return self._question.probe(i)

    async def prune(self, i: int) -> None:
        self._question.prune(i)

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        return self._question.run_many_to_end(indices)

    async def step_many(self, indices: Sequence[int]) -> list[Probe]:
        if self._answered:
            self.waits.append(time.perf_counter() - self._answered)
        if self._model:
            await asyncio.sleep(self._model)
        stepped = self._question.step_many(indices)
        self._answered = time.perf_counter()
        return stepped

    def finished(self, i: int) -> bool:
        return self._question.finished(i)

    def depth(self, i: int) -> int:
        return self._question.depth(i)

    @property
    def active(self) -> list[int]:
        return self._question.active

    @property
    def width(self) -> int:
        return self._question.width

    @property
    def tokens(self) -> int:
        return self._question.tokens

    @property
    def latency(self) -> int:
        return self._question.latency

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return self._question.latest_answers


def processes(parent: int) -> list[int]:
    """Return all processes below ``parent``."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *processes(child)]
    return found


def memory(process: int) -> float:
    """Return the memory of a process in MiB that it does not share, or 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def held() -> str:
    """Return the processes, descriptors and memory that this process and all below it hold, as text."""
    below = processes(os.getpid())
    mine, theirs = memory(os.getpid()), sum(map(memory, below))
    descriptors = len(os.listdir("/proc/self/fd"))
    return f"{len(below)} processes below, {descriptors} descriptors, {mine:.0f} MiB here, {theirs:.0f} MiB below"


def shown(waits: list[float]) -> str:
    """Return the median, the 90th and the 99th percentile in milliseconds, as text."""
    cuts = statistics.quantiles(waits, n=100)
    return f"median {1000 * cuts[49]:.3f} ms, p90 {1000 * cuts[89]:.3f} ms, p99 {1000 * cuts[98]:.3f} ms"


async def measure(sandbox: str, questions: int, seconds: float) -> None:
    """Measure and print."""
    print("before:", held())
    async with LiveWorkers.open(Candidate("steps", SOURCE), sandbox, questions=questions) as workers:
        alone = TimedActions(STEPS)
        await workers.solve(alone, 0.5)
        print(f"one question, {len(alone.waits)} steps: {shown(alone.waits)}")
        end, waits, played = time.monotonic() + seconds, list[float](), 0

        async def client() -> None:
            nonlocal played
            while time.monotonic() < end:
                actions = TimedActions(50, MODEL)
                outcome = await workers.solve(actions, 0.5)
                assert outcome.verdict.ok, outcome
                waits.extend(actions.waits)
                played += 1

        clients = [asyncio.create_task(client()) for _ in range(questions)]
        await asyncio.sleep(seconds / 5)
        print(f"{questions} questions open, at the beginning:", held())
        await asyncio.sleep(seconds * 3 / 5)
        print(f"{questions} questions open, at the end:", held())
        await asyncio.gather(*clients)
        print(f"{played} questions, {len(waits)} steps, {len(waits) / seconds:.0f} a second: {shown(waits)}")
    print("after:", held())


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sandbox", nargs="?", default="bubblewrap")
    parser.add_argument("questions", nargs="?", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.sandbox, arguments.questions, arguments.seconds))


if __name__ == "__main__":
    main()
