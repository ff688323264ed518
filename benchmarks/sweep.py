"""Measures a full sweep of one controller in seconds: `python -m benchmarks.sweep [--data DIR] [--controller NAME]`.

11 betas x 4 environments x 100 branch orders x 30 questions are 132,000 episodes. The sandbox plays each episode, the
host replays its log, and the curves are bootstrapped.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import pairwise

from autotts.agent.archive.baselines import baseline_source
from autotts.envs import catalogue
from autotts.envs.episodes import BETAS, grid
from autotts.envs.scoring import score
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import LoggedEvaluation
from autotts.sandbox.outcome import Candidate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--env", default="aime24/*")
    parser.add_argument("--controller", default="parallel_probe")
    parser.add_argument("--sandbox", nargs="+", default=["process", "docker"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--orders", type=int, default=100)
    arguments = parser.parse_args()
    environments = catalogue.find(catalogue.data_root(arguments.data), [arguments.env])
    candidate = Candidate(arguments.controller, baseline_source(arguments.controller))
    print(f"{'sandbox':12} {'episodes':>9} {'play':>7} {'score':>7} {'curves':>7} {'in all':>7}   load before")
    for name in arguments.sandbox:
        with open_sandbox(name, arguments.workers) as sandbox:
            load = os.getloadavg()[0]
            times = [time.perf_counter()]
            episodes = grid(environments, BETAS, range(arguments.orders))
            outcome = sandbox.run(candidate, episodes)
            assert outcome.logs is not None, outcome.verdict
            times.append(time.perf_counter())
            scores = score(episodes, outcome.logs)
            times.append(time.perf_counter())
            assert LoggedEvaluation(candidate, outcome.verdict, outcome.logs, scores).curve
            times.append(time.perf_counter())
        play, scoring, curves = (after - before for before, after in pairwise(times))
        whole = times[-1] - times[0]
        print(f"{name:12} {len(episodes):9,} {play:7.1f} {scoring:7.1f} {curves:7.1f} {whole:7.1f}   {load:.1f}")


if __name__ == "__main__":
    main()
