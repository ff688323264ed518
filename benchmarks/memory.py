"""Measures the memory of the host and of its workers during an evaluation, on synthetic environments.

    python -m benchmarks.memory [--episodes 2000000] [--controller self_consistency] [--command evaluate|compare|replay]
    python -m benchmarks.memory --world 40x1000x256 [--episodes 440000]

Prints the episodes, the seconds, three figures of memory, and the hash of the JSON that the command wrote. The memory
of the host and of its largest worker is what only this process holds (RssAnon and RssShmem in ``/proc/PID/status``,
read ten times a second, the peak of all readings): pages of mapped environment files are clean copies of what is on
the disk, shared by all processes, and the kernel drops them when memory is short. The peak with these pages (VmHWM) is
printed beside it. With `--whole`, the same episodes also run as one part: the hashes must be equal.

`--unplayed` makes up the figures instead of playing the episodes: all that grows with their number is still there, in
seconds instead of minutes.

`--world ExQxN` makes E environments of Q questions with N branches first, in a directory that `--data` keeps.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autotts.agent.cli.main import main as autotts
from autotts.envs import catalogue, store
from autotts.envs.episodes import BETAS, Episodes
from autotts.envs.scoring import Scores
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import evaluation
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import LoggedEvaluation
from autotts.sandbox.outcome import Candidate, Verdict

_SECONDS = 0.1
"""Between two readings of the memory."""


def held(process: str) -> float:
    """Return the megabytes that only this process holds: no clean pages of files."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1024


def descendants(process: str) -> list[str]:
    """Return the ids of all processes that ``process`` and its children have started."""
    found = []
    with suppress(OSError):  # it may end now
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [child, *descendants(child)]
    return found


@dataclass
class PeakReader:
    """Reads the memory of this process and of its workers until it is stopped."""

    host: float = 0.0
    worker: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        while not self.stopped.wait(_SECONDS):
            self.host = max(self.host, held("self"))
            for child in descendants("self"):
                with suppress(OSError):
                    self.worker = max(self.worker, held(child))


def make_world(root: Path, size: str, seed: int = 0) -> None:
    """Write the environments ``ExQxN`` under ``root``, one by one; those that are there stay."""
    environments, questions, branches = map(int, size.split("x"))
    models = list(default_models().values())
    for number in range(environments):
        name = f"world/{number:03d}"
        if not catalogue.path_of(root, name).exists():
            made = generate(models[number % len(models)], name, questions, branches, seed=seed + number)
            store.save(made, catalogue.path_of(root, name))


def made_up(
    candidate: Candidate | str,
    episodes: Episodes,
    sandbox: Sandbox | None = None,
    progress: Callable[[int], None] | None = None,
) -> LoggedEvaluation:
    """Return an evaluation with made-up figures, in place of `sandbox.evaluation.evaluate`."""
    numbers = np.arange(len(episodes), dtype=np.int64)
    none = np.zeros((0, 0), np.int32)
    scores = Scores(
        episodes=episodes, correct=numbers % 3 > 0, tokens=1000 + numbers % 997, latency=500 + numbers % 499,
        answer=none.ravel(), depth=none, opened=none.ravel(), pruned=none.astype(bool), branch=none,
        start=none,
    )  # fmt: skip
    if progress is not None:
        progress(len(episodes))
    assert isinstance(candidate, Candidate)
    return LoggedEvaluation(candidate, Verdict("ok"), None, scores)


def measured(args: argparse.Namespace, at_a_time: int) -> None:
    """Run the command line in this process, and print what that took."""
    evaluation.EPISODES_AT_A_TIME = at_a_time
    if args.unplayed:
        evaluation.evaluate = made_up
    root = Path(args.data)
    pattern = "world/*" if args.world else "synthetic/*"
    questions = sum(len(store.load(catalogue.path_of(root, name))) for name in catalogue.matching(root, [pattern]))
    orders = -(-args.episodes // (len(BETAS) * questions))
    reader = PeakReader()
    thread = threading.Thread(target=reader.read, daemon=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        thread.start()
        where = ["--data", str(root), "--sandbox", "process", "--interpreter", args.interpreter]
        code = autotts([*command(args, home, orders), "--env", pattern, *where])
        reader.stopped.set()
        thread.join()
        digest = hashlib.sha256((Path(home) / "results.json").read_bytes()).hexdigest()
    status = Path("/proc/self/status").read_text()
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    what = f"{args.command}, not played" if args.unplayed else args.command
    print(
        f"{what}: {orders * len(BETAS) * questions:,} episodes, {at_a_time:,} at a time: "
        f"{time.monotonic() - began:.0f} s, {reader.host:.0f} MB in the host ({peak:.0f} MB with mapped pages), "
        f"{reader.worker:.0f} MB in its largest worker, figures {digest[:16]}",
        flush=True,
    )
    if code:
        raise SystemExit(code)


def command(args: argparse.Namespace, home: str, orders: int) -> list[str]:
    """Return the command line that is measured; it writes ``results.json`` under ``home``."""
    if args.command == "replay":
        return ["replay", args.controller, "--archive", "shipped:evolve", "--orders", str(orders), "-o", home]
    controllers = [args.controller] if args.command == "evaluate" else [args.controller, "parallel_probe"]
    figures = ["--json", str(Path(home) / "results.json"), "--max-branches", str(args.max_branches)]
    return [args.command, *controllers, "--orders", str(orders), *figures]


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the memory of an evaluation")
    parser.add_argument("--episodes", type=int, default=2_000_000)
    parser.add_argument("--controller", default="self_consistency")
    parser.add_argument("--command", choices=("evaluate", "compare", "replay"), default="evaluate")
    parser.add_argument("--world", metavar="ExQxN", help="environments, questions of each, branches of each question")
    parser.add_argument(
        "--data", metavar="DIR", help="where the environments are kept (default: a temporary directory)"
    )
    parser.add_argument("--interpreter", default="auto")
    parser.add_argument("--max-branches", type=int, default=64)
    parser.add_argument("--unplayed", action="store_true", help="make up the figures of the episodes")
    parser.add_argument("--whole", action="store_true", help="run the episodes as one part too, and compare")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        args.data = args.data or temporary
        if args.world:
            make_world(Path(args.data), args.world)
        elif autotts(["env", "synthesize", "--data", args.data]):
            raise SystemExit("no environments")
        sizes = [evaluation.EPISODES_AT_A_TIME] + [10**9] * args.whole
        for size in sizes:  # each in a process of its own, as a peak never falls
            process = multiprocessing.get_context("spawn").Process(target=measured, args=(args, size))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
