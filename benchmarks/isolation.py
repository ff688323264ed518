"""Measures the cost of isolation: `python benchmarks/isolation.py [docker|bubblewrap]`.

Prints the time until a worker is ready. Compares a full evaluation of a candidate (11 betas, 4 environments, 20 branch
orders, 30 questions) in the sandbox and in a plain process, with one worker each, in alternating runs. Compares the
sampled and the full audit with the evaluation. Runs 300 candidates in a row, and checks that no container or image is
left.
"""

from __future__ import annotations

import resource
import selectors
import statistics
import sys
import time
from collections.abc import Callable

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import BETAS, grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, audit
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.backends.workers import Worker
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate

ROUNDS = 3
STARTS = 20
IN_A_ROW = 300


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else "docker"
    episodes = grid(default_environments(), BETAS, range(20))
    print(f"{len(episodes)} episodes, median of {ROUNDS} rounds")
    print(f"{'controller':22} {'process s':>10} {kind + ' s':>12} {'ratio':>6} {'sample':>7} {'full audit':>11}")
    with open_sandbox("process") as plain, open_sandbox(kind) as isolated:
        _starts(plain, isolated)
        for name in ("self_consistency", "parallel_probe", "confidence_momentum"):
            _row(name, episodes, plain, isolated)
        _in_a_row(kind, isolated)
    return _left(kind)


def _starts(*sandboxes: Sandbox) -> None:
    """Print the seconds until a new worker of each sandbox is ready for a job."""
    for sandbox in sandboxes:
        assert isinstance(sandbox, WorkerSandbox)
        times = sorted(seconds(lambda s=sandbox: _ready(s.start()).stop()) for _ in range(STARTS))  # type: ignore[misc]
        print(f"start of a worker, {sandbox.name}: median {statistics.median(times):.3f} s, at most {times[-1]:.3f} s")


def _ready(worker: Worker) -> Worker:
    """Wait until ``worker`` says that it is ready, and return it."""
    with selectors.DefaultSelector() as waiting:
        for source in worker.sources():
            waiting.register(source, selectors.EVENT_READ)
        while not any(results for key, _ in waiting.select() for results, _ in worker.read(key.fd)):
            continue
    return worker


def _row(name: str, episodes: object, plain: Sandbox, isolated: Sandbox) -> None:
    candidate = Candidate(name, baseline_source(name))
    logs = evaluate(candidate, episodes, isolated).logs  # type: ignore[arg-type]
    rounds = [
        (
            seconds(lambda: evaluate(candidate, episodes, plain)),  # type: ignore[arg-type]
            seconds(lambda: evaluate(candidate, episodes, isolated)),  # type: ignore[arg-type]
            seconds(lambda: audit(candidate, episodes, logs, isolated, AUDIT_SHARE)),  # type: ignore[arg-type]
            seconds(lambda: audit(candidate, episodes, logs, isolated)),  # type: ignore[arg-type]
        )
        for _ in range(ROUNDS)
    ]
    process, apart, sample, full = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(second / first for first, second, _, _ in rounds)
    print(f"{name:22} {process:10.2f} {apart:12.2f} {ratio:6.3f} {sample / apart:7.1%} {full / apart:11.2f}")


def _in_a_row(kind: str, sandbox: Sandbox) -> None:
    """Run many small candidates, and print the seconds of each and the growth of this process's memory."""
    few = grid(default_environments()[:1], [0.5], range(1))
    candidate = Candidate("self_consistency", baseline_source("self_consistency"))

    def run(n: int) -> float:
        return seconds(lambda: [evaluate(candidate, few, sandbox) for _ in range(n)]) / n

    run(IN_A_ROW // 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each = run(IN_A_ROW)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{IN_A_ROW} candidates in a row: {each:.3f} s each, peak memory of the host grew by {grown / 1024:.1f} MB")


def _left(kind: str) -> int:
    """Print what is left after the sandbox was closed, and return the number of containers and images."""
    if kind != "docker":
        return 0
    from autotts.sandbox.backends import image
    from autotts.sandbox.backends.docker import LABEL, engine

    with engine() as client:
        containers = client.api.containers(all=True, filters={"label": LABEL})
        images = client.images.list(all=True, filters={"label": image.HASH_LABEL})
        volumes = client.volumes.list()
    print(f"left behind: {len(containers)} containers, {len(volumes)} volumes, {len(images) - 1} images too many")
    return len(containers) + len(images) - 1


if __name__ == "__main__":
    sys.exit(main())
