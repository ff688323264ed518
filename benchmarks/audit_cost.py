"""Measures the cost of a full look-ahead audit: `python -m benchmarks.audit_cost [NAME ...] [--orders N]`.

Prints the CPU seconds of an evaluation and of its full audit, those of the worker and of the host apart, and their
ratio. An audit plays each episode `PASSES` times, on branches that nobody else gets and in hundreds of processes.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time

from autotts.agent.archive import resolve
from autotts.envs import catalogue
from autotts.envs.episodes import BETAS, Episodes, grid
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["self_consistency", "parallel_probe", "balanced"], metavar="NAME")
    parser.add_argument("--data")
    parser.add_argument("--env", default="aime24/*")
    parser.add_argument("--orders", type=int, default=10)
    arguments = parser.parse_args()
    environments = catalogue.find(catalogue.data_root(arguments.data), [arguments.env])
    episodes = grid(environments, BETAS, range(arguments.orders))
    print(f"{len(episodes):,} episodes; CPU seconds     evaluation (host)         audit (host)   ratio")
    for name in arguments.names:
        _print(name, episodes)


def _print(name: str, episodes: Episodes) -> None:
    candidate = resolve.controller(name)
    with ProcessSandbox(1) as sandbox:
        times = [_used()]
        done = evaluate(candidate, episodes, sandbox)
        assert done.logs is not None, done.verdict
        times.append(_used())
        verdict = audit(candidate, episodes, done.logs, sandbox)
        assert verdict.ok, verdict
        times.append(_used())
    (host, worker), (audit_host, audit_worker) = (
        (after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(times)
    )
    ratio = (audit_host + audit_worker) / (host + worker)
    print(f"{name:34} {worker:10.2f} {host:8.2f} {audit_worker:12.2f} {audit_host:8.2f} {ratio:7.2f}", flush=True)


def _used() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
