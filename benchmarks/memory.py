"""Measures the host's peak memory during `autotts evaluate`, for a number of episodes on synthetic environments.

    python -m benchmarks.memory [--episodes 2000000] [--controller self_consistency]

Prints the episodes, the seconds, the peak of resident memory, and the hash of the JSON that the command wrote. With
`--whole`, the same episodes also run as one part, as before the evaluation was divided: the hashes must be equal.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import tempfile
import time
from pathlib import Path

from autotts.agent.cli.main import main as autotts
from autotts.envs.episodes import BETAS
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox import evaluation

PER_ORDER = len(BETAS) * sum(map(len, default_environments()))
"""Episodes of one branch order on the built-in synthetic environments."""


def measured(controller: str, orders: int, at_a_time: int) -> None:
    """Evaluate ``controller`` by the command line in this process, and print what that took."""
    evaluation.EPISODES_AT_A_TIME = at_a_time
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        figures = Path(home) / "figures.json"
        asked = ["evaluate", controller, "--env", "synthetic/*", "--orders", str(orders), "--json", str(figures)]
        code = autotts([*asked, "--sandbox", "process"])
        digest = hashlib.sha256(figures.read_bytes()).hexdigest()
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    print(
        f"{orders * PER_ORDER:,} episodes, {at_a_time:,} at a time: {time.monotonic() - began:.0f} s, "
        f"{peak:.0f} MB in the host, figures {digest[:16]}"
    )
    if code:
        raise SystemExit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the host's memory during an evaluation")
    parser.add_argument("--episodes", type=int, default=2_000_000)
    parser.add_argument("--controller", default="self_consistency")
    parser.add_argument("--whole", action="store_true", help="run the episodes as one part too, and compare")
    args = parser.parse_args()
    orders = -(-args.episodes // PER_ORDER)
    sizes = [evaluation.EPISODES_AT_A_TIME] + [orders * PER_ORDER] * args.whole
    for size in sizes:  # each in a process of its own, as a peak never falls
        process = multiprocessing.get_context("spawn").Process(target=measured, args=(args.controller, orders, size))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
