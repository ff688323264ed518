"""Measures the cost of a full look-ahead audit: `python -m benchmarks.audit_cost [NAME ...] [--orders N]`.

Prints the CPU seconds of an evaluation, of one pass of its full audit, and of all passes, those of worker and
host apart, and what an audit costs for each second of the evaluation. A search pays one pass for each version before it
can lead. A version that is reported pays all `PASSES`. The episodes that are played alone, at most 500 a pass in a
process each, weigh less the more episodes there are.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time

from autotts.agent.archive import resolve
from autotts.envs import catalogue
from autotts.envs.episodes import BETAS, Episodes, grid
from autotts.sandbox.audit.look_ahead import PASSES, audit
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
    print(f"{len(episodes):,} episodes; CPU seconds of the worker, and of the host")
    print(f"{'':24} {'evaluation':>14} {'one pass':>14} {'times':>6} {f'{PASSES} passes':>14} {'times':>6}")
    for name in arguments.names:
        _print(name, episodes)


def _print(name: str, episodes: Episodes) -> None:
    candidate = resolve.controller(name)
    with ProcessSandbox(1) as sandbox:
        times = [_used()]
        done = evaluate(candidate, episodes, sandbox)
        assert done.logs is not None, done.verdict
        times.append(_used())
        for passes in (1, PASSES):
            verdict = audit(candidate, episodes, done.logs, sandbox, passes=passes)
            assert verdict.ok, verdict
            times.append(_used())
    evaluation, *audits = ((after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(times))
    parts = [f"{evaluation[1]:8.2f} {evaluation[0]:5.2f}"]
    parts += [f"{worker:8.2f} {host:5.2f} {(host + worker) / sum(evaluation):6.2f}" for host, worker in audits]
    print(f"{name:24}", *parts, flush=True)


def _used() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
