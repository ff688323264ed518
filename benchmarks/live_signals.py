"""Methods that use signals, a verifier and forks, live and in replay: the tiny model in one table.

    python -m benchmarks.live_signals [--out DIR] [--asked N]

It starts llama.cpp's server with the tiny model, collects questions with log-probabilities, a program that checks the
steps as verifier, and forks, and lets `autotts discover` search on them. Then it collects other, fresh questions. Each
method answers these live, with new branches, and in replay of the collected ones (`autotts fidelity`). Nothing leaves
the loopback interface.

A group of DeepConf is 2,048 tokens, more than any branch of this model has. Here it is one interval, which is about as
large a part of a branch as in the paper: in the signals (`autotts collect --group-tokens`), and in the parameter
`window` of `deepconf_low`, of which a copy with this window is played.

The same command goes on with what an interrupted one has left in its directory.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.catalogue import path_of
from autotts.envs.statistics import Floats, Interval, QuestionSample, bootstrap

from .demo_live import REFERENCE, Steps, betas_to_ask, command, parsed, predicted, serving

SEARCH, FRESH = "ring/search", "ring/fresh"
VERIFIER = "autotts.envs.live.tiny.verifier:score"
METHODS = (REFERENCE, "deepconf_low", "deepconf_offline", "best_of_n", "beam_search")
_WINDOW = '"window": 2048'


@dataclass(frozen=True, slots=True)
class SignalsSize:
    """How much is collected and played."""

    searched: int = 16
    """Questions that the search learns from."""
    fresh: int = 40
    """Other questions, on which the methods are played."""
    asked: int = 40
    """The first ones of them are asked, as many as this at most: live branches take most of the time."""
    branches: int = 24
    """Branches of a question that are opened anew; forks come on top."""
    delta: int = 48
    """Tokens of an interval, and of a DeepConf group."""
    forks: int = 2
    """Forks of a branch at each depth of `_FORK_AT`."""
    repeats: int = 1
    """Live episodes of a question."""
    verify_cost: int = 5
    generations: int = 4
    population: int = 8
    orders: int = 4
    """Branch orders of each evaluation of the search."""
    predicted: int = 50
    """Branch orders of the replay of fresh questions."""


_FORK_AT = "2,4"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One method at one beta, over the same fresh questions live and in replay."""

    method: str
    beta: float
    live: Floats
    """(questions, 3) means of the live episodes of a question: accuracy in per cent, tokens, latency."""
    replay: Floats
    """The same in replay, over branch orders."""

    def cells(self) -> list[str]:
        """Return the cells of the table, with 95% intervals over questions; the differences are paired."""
        sides = self.live, self.replay
        live, replay = (QuestionSample(FRESH, self.beta, (side,), len(side)).point() for side in sides)
        low, high = np.percentile(bootstrap(self.live - self.replay), [2.5, 97.5], axis=0)
        accuracy, tokens, _ = (self.live - self.replay).mean(axis=0)
        return [
            self.method, f"{self.beta:g}", _shown(live.accuracy_pct, live.accuracy_ci, 1),
            _shown(replay.accuracy_pct, replay.accuracy_ci, 1), _shown(accuracy, (low[0], high[0]), 1, "+"),
            _shown(live.mean_tokens, live.mean_tokens_ci), _shown(replay.mean_tokens, replay.mean_tokens_ci),
            _shown(tokens, (low[1], high[1]), 0, "+"),
        ]  # fmt: skip


def _shown(value: float, interval: Interval, digits: int = 0, sign: str = "") -> str:
    low, high = (f"{end:{sign},.{digits}f}" for end in interval)
    return f"{value:{sign},.{digits}f} [{low}, {high}]"


def table(rows: Sequence[TableRow]) -> list[str]:
    """Return the table as lines of Markdown."""
    heads = ["method", "beta", "accuracy live, %", "in replay", "live minus replay", "tokens live", "in replay",
             "live minus replay"]  # fmt: skip
    lines = [heads, ["---"] * len(heads), *(row.cells() for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def rows_of(file: Path, method: str, asked: int) -> list[TableRow]:
    """Return the rows in what `autotts fidelity --json` has written, over the first ``asked`` questions."""
    found = [each for each in json.loads(file.read_text())["questions"] if each["question"] < asked]

    def values(beta: float, side: str) -> Floats:
        mine = [each[side] for each in found if each["beta"] == beta]
        return np.array([(each["accuracy_pct"], each["tokens"], each["latency"]) for each in mine])

    betas = sorted({each["beta"] for each in found})
    return [TableRow(method, beta, values(beta, "live"), values(beta, "replay")) for beta in betas]


def with_window(name: str, tokens: int, home: Path) -> str:
    """Return the word for a baseline with groups of so many tokens: a file in ``home`` if it has such a parameter."""
    source = baseline_source(name)
    if _WINDOW not in source:
        return name
    file = home / f"{name}.py"
    file.write_text(source.replace(_WINDOW, f'"window": {tokens}'))
    return str(file)


class SignalsRun:
    """The commands of one run.

    Args:
        out: the directory of everything that they write.
        size: how much they do.
        model: the address of the model.
    """

    def __init__(self, out: Path, size: SignalsSize, model: str) -> None:
        self.out, self.size, self.model = out, size, model
        self.data = ("--data", str(out / "data"))

    def collect(self, name: str, count: int, seed: int) -> None:
        """Collect ``count`` questions of their own seed as the environment ``name``."""
        size, file = self.size, self.out / f"{name.partition('/')[2]}.jsonl"
        if path_of(self.out / "data", name).exists():
            return
        command("endpoint", "questions", "--count", str(count), "--seed", str(seed), "--out", str(file))
        command("collect", str(file), "--name", name, "--branches", str(size.branches), "--base-url", self.model,
                "--delta", str(size.delta), "--group-tokens", str(size.delta), "--alternatives", "20", "--verifier",
                VERIFIER, "--verify-cost", str(size.verify_cost), "--fork-at", _FORK_AT, "--forks", str(size.forks),
                *self.data)  # fmt: skip

    def discover(self) -> tuple[str, float]:
        """Search on the collected questions; return the best version, and the beta at which it suffices there."""
        size, home, found = self.size, str(self.out / "run"), self.out / "discover.json"
        if not found.exists():
            command("discover", "--env", SEARCH, *self.data, "--run", home, "--sandbox", "process", "--generations",
                    str(size.generations), "--population", str(size.population), "--orders", str(size.orders),
                    "--quiet", "--json", str(found))  # fmt: skip
        best: str = json.loads(found.read_text())["best"]["id"]
        results = self.out / "replay" / "results.json"
        if not results.exists():
            command("replay", best, REFERENCE, "--run", home, "--env", SEARCH, *self.data, "--orders", "20",
                    "--sandbox", "process", "--output", str(results.parent), "--quiet")  # fmt: skip
        prediction = predicted(json.loads(results.read_text()), best)
        return best, betas_to_ask(prediction, best)[0]

    def play(self, word: str, name: str, *more: str) -> list[TableRow]:
        """Play a method live and in replay on the fresh questions."""
        file = self.out / f"fidelity-{name.replace(', ', '-').replace(' ', '-')}.json"
        if not file.exists():
            command("fidelity", word, "--env", FRESH, *self.data, "--base-url", self.model, "--verifier", VERIFIER,
                    "--sandbox", "process", "--repeats", str(self.size.repeats), "--orders", str(self.size.predicted),
                    "--questions", str(self.size.asked), "--json", str(file), *more, fine=(0, 1))  # fmt: skip
        return rows_of(file, name, self.size.asked)


def check_same(out: Path, size: SignalsSize, betas: Sequence[float]) -> None:
    """Make the directory, and check that an earlier command had the same sizes.

    Raises:
        SystemExit: it had others.
    """
    mine = {**asdict(size), "betas": list(betas)}
    out.mkdir(parents=True, exist_ok=True)
    file = out / "size.json"
    if file.exists() and json.loads(file.read_text()) != mine:
        raise SystemExit(f"{out} has another size: name another --out, or remove it")
    file.write_text(json.dumps(mine))


def run(out: Path, size: SignalsSize, betas: Sequence[float]) -> None:
    """Collect, search, play all methods live and in replay, and print the table.

    Args:
        out: directory of everything that it writes, and where it goes on.
        size: how much to do.
        betas: at which the methods are played; the discovered one has its own.
    """
    check_same(out, size, betas)
    steps, rows = Steps(), list[TableRow]()
    steps.begin("start llama.cpp's server with the tiny model")
    with serving("endpoint", "start", "--port", "0", "--parallel", "64") as model:
        work = SignalsRun(out, size, model)
        steps.begin(f"collect {size.searched} questions for the search")
        work.collect(SEARCH, size.searched, 1)
        steps.begin("discover a controller on them")
        best, beta = work.discover()
        steps.begin(f"collect {size.fresh} fresh questions, for replay alone")
        work.collect(FRESH, size.fresh, 2)
        at = ("--beta", *(f"{each:g}" for each in betas))
        for name in METHODS:
            steps.begin(f"play {name} live and in replay on the fresh questions")
            rows += work.play(with_window(name, size.delta, out), name, *at)
        steps.begin(f"play the discovered {best} live and in replay on the fresh questions")
        rows += work.play(best, f"discovered {best}", "--run", str(out / "run"), "--beta", f"{beta:g}")
        steps.begin("play beam_search live with forks anywhere, which no recording can have")
        rows += work.play("beam_search", "beam_search, forks anywhere", *at, "--forks-anywhere")
    count = min(size.asked, size.fresh)
    print(f"\n{count} fresh questions; 95% intervals over them, differences paired by question:\n")
    lines = table(rows)
    (out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(f"\nThis took {steps.seconds:.0f} s; everything lies in {out}.")


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/live-signals", metavar="DIR", help="directory of everything it writes")
    parser.add_argument("--betas", type=float, nargs="+", default=[1.0], metavar="B", help="(default: 1)")
    args, size = parsed(parser, SignalsSize())
    run(Path(args.out), size, args.betas)


if __name__ == "__main__":
    main()
