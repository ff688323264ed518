"""The whole circle on one machine: a live model, collect, discover, serve, and fresh questions through `openai`.

    python -m benchmarks.demo_live [--out DIR] [--sandbox NAME]

It drives the installed commands and the official client alone. Nothing leaves the loopback interface.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .live_comparison import AskedQuestion, PredictedSaving, live_sample, report

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Size = TypeVar("Size", bound="DataclassInstance")
ENVIRONMENT = "ring/autotts-tiny"
REFERENCE, FULL = "self_consistency", 1.0
_AUTOTTS = str(Path(sys.executable).with_name("autotts"))
_AT_ONCE = 8
"""Fresh questions that are asked at a time."""


_WITHOUT_PROBES = 0.5
"""The time of a token of self-consistency, as a share of that of a token with probes."""
_FEWEST = 8
"""Fresh questions that are asked, however slow the machine is."""


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much the demo does. The defaults aim at six minutes on two idle cores."""

    collected: int = 24
    """Questions that are collected."""
    branches: int = 40
    fresh: int = 60
    """Fresh questions at most: as many as there is time for are asked, which is decided before the first answer."""
    seconds: int = 330
    """Time of the whole demo."""
    generations: int = 4
    population: int = 8
    orders: int = 4
    """Branch orders of each evaluation of the search."""


class Steps:
    """Prints each step of the demo, with the time since its beginning."""

    def __init__(self) -> None:
        self._start, self._number = time.monotonic(), 0

    def begin(self, text: str) -> None:
        """Print the beginning of a step."""
        self._number += 1
        print(f"\n[{time.monotonic() - self._start:4.0f} s] {self._number}. {text}", flush=True)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start


def command(*words: str, fine: Sequence[int] = (0,)) -> None:
    """Run a command of the program, and print it.

    Args:
        words: its words.
        fine: exit codes with which it has done its work.

    Raises:
        SystemExit: it failed.
    """
    print(f"$ autotts {' '.join(words)}", flush=True)
    done = subprocess.run([_AUTOTTS, *words], check=False)
    if done.returncode not in fine:
        raise SystemExit(f"autotts {words[0]} ended with exit code {done.returncode}")


@contextmanager
def serving(*words: str) -> Iterator[str]:
    """Start a command that serves until its end, and yield the address that it prints first.

    Raises:
        SystemExit: it ends before it serves.
    """
    print(f"$ autotts {' '.join(words)} &", flush=True)
    process = subprocess.Popen([_AUTOTTS, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("http://"):
                yield line.strip()
                return
        raise SystemExit(f"autotts {words[0]} ended with exit code {process.wait()}")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def ask_all(base_url: str, questions: Sequence[dict[str, str]], beta: float) -> list[AskedQuestion]:
    """Ask every question through the official client, and grade the answers.

    Args:
        base_url: the address of the gateway.
        questions: ``question`` and ``gold_answer`` of each.
        beta: the budget knob of the served controller.
    """
    from openai import AsyncOpenAI

    gate = asyncio.Semaphore(_AT_ONCE)
    async with AsyncOpenAI(base_url=base_url, api_key="none", timeout=300, max_retries=0) as client:
        (model,) = [each.id async for each in client.models.list()]

        async def one(number: int, question: dict[str, str]) -> AskedQuestion:
            async with gate:
                completion = await client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": question["question"]}],
                    extra_body={"beta": beta}, seed=number,
                )  # fmt: skip
            details: dict[str, Any] = (completion.model_extra or {})["autotts"]
            return AskedQuestion(
                number, details["answer"] == question["gold_answer"], details["tokens"]["episode"],
                details["critical_path"]["tokens"],
            )  # fmt: skip

        return list(await asyncio.gather(*(one(number, each) for number, each in enumerate(questions))))


def predicted(results: dict[str, Any], controller: str) -> PredictedSaving:
    """Return what the results of `autotts replay` say about a controller and self-consistency."""
    points = {
        (row["controller"], round(row["beta"], 6)): (row["accuracy_pct"], row["mean_tokens"]) for row in results["rows"]
    }
    reference = results["reference"][0]
    points[REFERENCE, FULL] = (reference["accuracy_pct"], reference["mean_tokens"])
    (equal,) = [row["equal"] for row in results["equal"] if row["controller"] == controller]
    low, high = equal["saved_ci"]
    return PredictedSaving(points, equal["saved_pct"], (low, high))


def betas_to_ask(prediction: PredictedSaving, controller: str) -> list[float]:
    """Return the lowest beta that replay expects to reach the accuracy of self-consistency, and the next one."""
    curve = sorted((beta, accuracy) for (name, beta), (accuracy, _) in prediction.points.items() if name == controller)
    target = prediction.points[REFERENCE, FULL][0]
    reaching = [at for at, (_, accuracy) in enumerate(curve) if accuracy >= target]
    best = reaching[0] if reaching else max(range(len(curve)), key=lambda at: curve[at][1])
    first = max(0, min(best, len(curve) - 2))
    return [beta for beta, _ in curve[first : first + 2]]


def questions_in(seconds: float, token_seconds: float, tokens: float, most: int) -> int:
    """Return how many fresh questions fit into a time.

    Args:
        seconds: the time that is left.
        token_seconds: seconds that a token took when the environment was collected, with its probes.
        tokens: tokens that a fresh question is expected to take, over all controllers and betas.
        most: questions at most.
    """
    return max(_FEWEST, min(most, int(seconds / max(1e-9, token_seconds * tokens))))


def run(out: Path, sandbox: str, size: DemoSize) -> None:
    """Run the demo, and print the comparison.

    Args:
        out: directory of everything that it writes; an earlier one is removed.
        sandbox: where candidates run.
        size: how much to do.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    steps, data = Steps(), ("--data", str(out / "data"))
    steps.begin("start llama.cpp's server with the tiny model")
    with serving("endpoint", "start", "--port", "0", "--parallel", "64") as model:
        steps.begin(f"collect {size.collected} questions x {size.branches} branches")
        collected, fresh = out / "collected.jsonl", out / "fresh.jsonl"
        command("endpoint", "questions", "--count", str(size.collected), "--seed", "1", "--out", str(collected))
        command("endpoint", "questions", "--count", str(size.fresh), "--seed", "2", "--out", str(fresh))
        began = steps.seconds
        command("collect", str(collected), "--name", ENVIRONMENT, "--branches", str(size.branches), "--base-url",
                model, *data)  # fmt: skip
        collecting = steps.seconds - began
        steps.begin("discover a controller on them")
        run_home, found = out / "run", out / "discover.json"
        command("discover", "--env", ENVIRONMENT, *data, "--run", str(run_home), "--sandbox", sandbox, "--generations",
                str(size.generations), "--population", str(size.population), "--orders", str(size.orders), "--quiet",
                "--json", str(found))  # fmt: skip
        best = (json.loads(found.read_text())["best"] or {}).get("id", REFERENCE)
        steps.begin(f"let replay predict what {best} and self-consistency do")
        command("replay", best, REFERENCE, "--run", str(run_home), "--env", ENVIRONMENT, *data, "--orders", "20",
                "--sandbox", sandbox, "--output", str(out / "replay"), "--quiet")  # fmt: skip
        prediction = predicted(json.loads((out / "replay" / "results.json").read_text()), best)
        betas = betas_to_ask(prediction, best)
        all_branches = prediction.points[REFERENCE, FULL][1]
        tokens = _WITHOUT_PROBES * all_branches + sum(prediction.points[best, beta][1] for beta in betas)
        speed = collecting / (size.collected * all_branches)
        questions = [json.loads(line) for line in fresh.read_text().splitlines()]
        questions = questions[: questions_in(size.seconds - steps.seconds, speed, tokens, size.fresh)]
        steps.begin(f"serve both, and ask {len(questions)} fresh questions through the client `openai`")
        gateway = ("--base-url", model, "--branches", str(size.branches), "--port", "0", "--log", "none")
        with serving("serve", REFERENCE, *gateway) as address:
            reference = live_sample(FULL, asyncio.run(ask_all(address, questions, FULL)))
        with serving("serve", best, "--run", str(run_home), "--sandbox", sandbox, *gateway) as address:
            curve = [live_sample(beta, asyncio.run(ask_all(address, questions, beta))) for beta in betas]
    print()
    for line in report((REFERENCE, reference), (best, curve), prediction):
        print(line)
    print(f"\nThe demo took {steps.seconds:.0f} s; everything lies in {out}.")


def parsed(parser: argparse.ArgumentParser, defaults: Size) -> tuple[argparse.Namespace, Size]:
    """Add an option for each field of ``defaults``, and return what the command line says, and the sizes in it."""
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, metavar="N")
    args = parser.parse_args()
    return args, replace(defaults, **{name: getattr(args, name) for name in asdict(defaults)})


def main() -> None:
    """Read the command line, and run the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/demo-live", metavar="DIR", help="directory of everything it writes")
    parser.add_argument("--sandbox", default="auto", metavar="NAME", help="where candidates run")
    args, size = parsed(parser, DemoSize())
    run(Path(args.out), args.sandbox, size)


if __name__ == "__main__":
    main()
