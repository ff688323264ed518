"""Measures full sweeps in seconds: `python -m benchmarks.sweep [NAME ...] [--sandbox NAME ...] [--against COMMIT]`.

11 betas x 4 environments x 100 branch orders x 30 questions are 132,000 episodes for each champion, baseline, version
or file. The sandbox plays them, the host replays their logs, and the curves are bootstrapped. Seconds are by the
clock; CPU seconds are user and system time of the host process and of the workers that are its children (those in
Docker are not). With `--against`, the program of an earlier commit does the same before and after each measurement, on
the same data: the table ends with its seconds and CPU seconds over ours, the mean of the two.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from autotts.agent.archive import resolve
from autotts.envs import catalogue
from autotts.envs.episodes import BETAS, grid
from autotts.envs.scoring import score
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import LoggedEvaluation
from benchmarks.earlier_program import ROOT, environment, unpacked

Sweep = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["balanced"], metavar="NAME")
    parser.add_argument("--data")
    parser.add_argument("--env", default="aime24/*")
    parser.add_argument("--sandbox", nargs="+", default=["process", "docker"])
    parser.add_argument("--interpreter", default="auto", help="of the sandbox, where it has a choice")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--against", metavar="COMMIT", help="an earlier commit, measured side by side")
    parser.add_argument("--json", action="store_true", help="measure the first name in the first sandbox, print JSON")
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps(measured(arguments)))
        return
    columns = " ".join(f"{word:>7}" for word in ("play", "score", "curves", "in all", "CPU"))
    head = f"{'controller':22} {'sandbox':11} {'episodes':>9} {columns}   load"
    print(head + ("  earlier     CPU   times  CPU times" if arguments.against else ""), flush=True)
    with tempfile.TemporaryDirectory() as directory:
        old = unpacked(arguments.against, Path(directory)) if arguments.against else None
        if old is not None:
            for module in ("sweep", "earlier_program"):  # the earlier program may lack them
                text = (ROOT / "benchmarks" / f"{module}.py").read_text(encoding="utf-8")
                (old / "benchmarks" / f"{module}.py").write_text(text, encoding="utf-8")
        for name in arguments.names:
            for sandbox in arguments.sandbox:
                _print(name, sandbox, arguments, old)


def _print(name: str, sandbox: str, arguments: argparse.Namespace, old: Path | None) -> None:
    """Measure one controller in one sandbox, and print its row."""
    before = [_child(name, sandbox, arguments, old)] if old else []
    found = _child(name, sandbox, arguments, ROOT)
    before += [_child(name, sandbox, arguments, old)] if old else []
    phases = " ".join(f"{found[phase]:7.1f}" for phase in ("play", "score", "curves", "whole", "cpu"))
    row = f"{name:22} {sandbox:11} {found['episodes']:9,.0f} {phases} {found['load']:6.1f}"
    if before:
        whole, cpu = (sum(each[key] for each in before) / len(before) for key in ("whole", "cpu"))
        row += f" {whole:8.1f} {cpu:7.1f} {whole / found['whole']:7.2f} {cpu / found['cpu']:10.2f}"
    print(row, flush=True)


def _child(name: str, sandbox: str, arguments: argparse.Namespace, root: Path) -> Sweep:
    """Return the `measured` of a fresh process of the program at ``root``."""
    data = catalogue.data_root(arguments.data).resolve()
    command = [sys.executable, "-m", "benchmarks.sweep", name, "--json", "--data", str(data), "--env", arguments.env]
    command += ["--sandbox", sandbox, "--workers", str(arguments.workers), "--orders", str(arguments.orders)]
    command += ["--interpreter", arguments.interpreter]
    done = subprocess.run(command, cwd=root, env=environment(root), stdout=subprocess.PIPE, check=True)
    found: Sweep = json.loads(done.stdout)
    return found


def measured(arguments: argparse.Namespace) -> Sweep:
    """Return the seconds of each phase of one sweep, its CPU seconds, and the load before it."""
    environments = catalogue.find(catalogue.data_root(arguments.data), [arguments.env])
    candidate = resolve.controller(arguments.names[0])
    chooses = "interpreter" in inspect.signature(open_sandbox).parameters
    choice = {"interpreter": arguments.interpreter} if chooses else {}
    load, cpu = os.getloadavg()[0], _cpu()
    with open_sandbox(arguments.sandbox[0], arguments.workers, **choice) as sandbox:
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
    return {
        "episodes": len(episodes), "play": play, "score": scoring, "curves": curves, "whole": times[-1] - times[0],
        "cpu": _cpu() - cpu, "load": load,
    }  # fmt: skip


def _cpu() -> float:
    """Return the user and system seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
