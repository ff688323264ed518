"""Loads the gateway: `python -m benchmarks.gateway_load --clients 200 --seconds 120`.

A stub of a model server with recorded branches, the gateway (`autotts serve`), and the clients run in processes of
their own. Each client asks one question after another. Every answer, its tokens and its critical path are compared
with those of the same controller in replay on the same branches. Prints requests and errors, what is left in the end
(questions, branches, processes, descriptors), the memory of the gateway over time, and its own work for a branch step:
under the load as CPU time, and for one client alone as the time of a step, less the time that the model's server took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.contract.controller import Controller
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.live.settings import request_seed
from tests.envs.live.stub_server import StubQuestion, StubServer

DELTA, BRANCHES, BETA = 20, 8, 0.7
_TICKS = os.sysconf("SC_CLK_TCK")
_ANSWERS = ("1", "2", "3", None)


def recordings(questions: int, seed: int = 0) -> list[Recording]:
    """Return the branches of the questions: two to eight intervals each, with answers that settle."""
    draw = random.Random(seed)
    found = []
    for _ in range(questions):
        columns, lengths = [], []
        for _ in range(BRANCHES):
            intervals = draw.randint(2, 8)
            final = draw.choices(_ANSWERS, (5, 3, 1, 1))[0]
            columns.append([final if draw.random() < step / intervals else draw.choice(_ANSWERS)
                            for step in range(1, intervals)] + [final])  # fmt: skip
            lengths.append((intervals - 1) * DELTA + draw.randint(2, DELTA))
        found.append(Recording.of(columns, lengths, DELTA))
    return found


def text_of(question: int) -> str:
    """Return the text of a question."""
    return f"Question {question}: what is the answer?"


def seed_of(question: int) -> int:
    """Return the seed of the requests for a question."""
    return 1000 + question


@dataclass(frozen=True)
class Expected:
    """What the gateway must answer."""

    answer: str | None
    tokens: int
    critical_tokens: int


def replayed(controller: str, recording: Recording, seed: int) -> Expected:
    """Return what a baseline gives in replay."""
    from autotts import envs

    sys.modules.setdefault("envs", envs)
    namespace: dict[str, type[Controller]] = {"__name__": "controller"}  # type: ignore[dict-item]
    exec(baseline_source(controller), namespace)
    kinds = [each for each in namespace.values() if isinstance(each, type) and issubclass(each, Controller)]
    [kind] = [each for each in kinds if each.name == controller]
    question = ReplayQuestion(recording, range(BRANCHES), BRANCHES)
    return Expected(kind(BETA, seed).solve(question), question.tokens, question.latency)


def run_stub(questions: int, delay: float) -> None:
    """Serve the branches until this process is ended."""
    seeds = {request_seed(seed_of(q), b, 0): b for q in range(questions) for b in range(BRANCHES)}
    known = [StubQuestion.of_recording(text_of(q), each) for q, each in enumerate(recordings(questions))]

    async def serve() -> None:
        async with StubServer(known, branch_of_seed=seeds.get, delay=delay) as server:
            print(server.base_url, flush=True)
            told = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
            await told.wait()
            print(json.dumps({"in_flight": server.in_flight, "aborted": server.counts.aborted}), flush=True)

    asyncio.run(serve())


@dataclass
class Load:
    """What the clients saw."""

    expected: list[Expected]
    errors: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    different: int = 0
    seconds: list[float] = field(default_factory=list)
    actions: int = 0
    steps: int = 0
    """Requests to the model for intervals and probes."""
    step_seconds: list[float] = field(default_factory=list)
    """For each episode, its seconds for each action."""

    def note(self, question: int, answer: httpx.Response, seconds: float) -> None:
        """Count an answer."""
        if answer.status_code != 200:
            self.errors[f"{answer.status_code} {answer.text[:100]}"] += 1
            return
        details = answer.json()["autotts"]
        found = Expected(details["answer"], details["tokens"]["episode"], details["critical_path"]["tokens"])
        self.answers += 1
        self.different += found != self.expected[question]
        self.seconds.append(seconds)
        self.actions += details["actions"]
        self.steps += details["requests"]
        self.step_seconds.append(details["seconds"] / max(1, details["actions"]))


async def load(url: str, clients: int, seconds: float, expected: list[Expected]) -> Load:
    """Ask question after question with ``clients`` clients for so many seconds."""
    found = Load(expected)
    ends = time.monotonic() + seconds

    async def client(number: int) -> None:
        draw = random.Random(number)
        async with httpx.AsyncClient(timeout=600) as http:
            while time.monotonic() < ends:
                question = draw.randrange(len(expected))
                body = {"messages": [{"role": "user", "content": text_of(question)}], "seed": seed_of(question)}
                began = time.monotonic()
                try:
                    answer = await http.post(f"{url}/chat/completions", json=body)
                except httpx.HTTPError as error:
                    found.errors[repr(error)] += 1
                else:
                    found.note(question, answer, time.monotonic() - began)

    await asyncio.gather(*map(client, range(clients)))
    return found


@contextmanager
def process(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a process, and end it."""
    started = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
        started.wait(60)


def line_with(started: subprocess.Popen[str], text: str) -> str:
    """Return the next line that holds ``text``."""
    assert started.stdout is not None
    for line in started.stdout:
        if text in line:
            return line.strip()
    raise SystemExit(f"a process has ended: {started.args}")


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU time of processes, and of their children that have ended."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total / _TICKS


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def watch(pid: int, every: float, samples: list[float]) -> None:
    """Take a sample of the memory again and again."""
    while True:
        samples.append(megabytes(pid))
        await asyncio.sleep(every)


async def measure(url: str, pid: int, arguments: argparse.Namespace, expected: list[Expected]) -> bool:
    """Load the gateway, print the figures, and return whether all is as it must be."""
    alone = await load(url, 1, min(10.0, arguments.seconds), expected)
    await load(url, arguments.clients, min(5.0, arguments.seconds), expected)  # all processes and connections are there
    before, cpu = await settled(url, pid), cpu_seconds(family(pid))
    samples: list[float] = []
    watching = asyncio.create_task(watch(pid, max(0.2, arguments.seconds / 12), samples))
    found = await load(url, arguments.clients, arguments.seconds, expected)
    watching.cancel()
    cpu = cpu_seconds(family(pid)) - cpu
    after = await settled(url, pid)
    print(f"{arguments.clients} clients, {arguments.seconds:g} seconds: {found.answers:,} answers, median "
          f"{statistics.median(found.seconds):.3f} s; {found.steps:,} requests to the model")  # fmt: skip
    print(f"errors: {dict(found.errors) or 'none'}; different from replay: {found.different + alone.different}")
    print(f"left before and after (questions, processes, descriptors): {before} {after}")
    print(f"memory of the gateway, MiB: {' '.join(f'{each:.0f}' for each in samples)}")
    print(f"CPU of the gateway and its sandbox: {1000 * cpu / found.actions:.2f} ms an action, "
          f"{1000 * cpu / found.steps:.2f} ms a request to the model")  # fmt: skip
    step = 1000 * statistics.median(alone.step_seconds)
    print(
        f"one client: median {step:.2f} ms an action, of which the stub was told to wait {arguments.delay * 2000:g} ms"
    )
    flat = samples[-1] < 1.1 * max(samples[: len(samples) // 3]) + 5
    return not found.errors and not found.different and not alone.different and before == after and flat


async def settled(url: str, pid: int) -> tuple[int, int, int]:
    """Return what is left when the gateway has nothing to do: questions, processes and descriptors."""
    async with httpx.AsyncClient(headers={"connection": "close"}) as http:
        for _ in range(400):
            text = (await http.get(f"{url.removesuffix('/v1')}/metrics")).text
            running = sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("autotts_questions_"))
            left = int(running), len(family(pid)), descriptors(pid)
            if not running and len(family(pid)) == len(family(pid)) and descriptors(pid) == left[2]:
                await asyncio.sleep(0.5)
                if (0, len(family(pid)), descriptors(pid)) == left:
                    break
            await asyncio.sleep(0.1)
    return left


def descriptors(pid: int) -> int:
    """Return the open descriptors of a process that are no connections to the model's server, which are kept."""
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            count += not os.readlink(each).startswith("socket:")
    return count


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--controller", default="confidence_momentum", help="a baseline")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each reply of the stub")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--stub", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stub:
        run_stub(arguments.questions, arguments.delay)
        return 0
    expected = [
        replayed(arguments.controller, each, seed_of(q)) for q, each in enumerate(recordings(arguments.questions))
    ]
    me = [sys.executable, "-m", "benchmarks.gateway_load", "--questions", arguments.questions]
    with process(*me, "--stub", "--delay", arguments.delay) as stub:
        base = line_with(stub, "http")
        words = ["serve", arguments.controller, "--base-url", base, "--port", 0, "--delta", DELTA, "--beta", BETA]
        words += ["--branches", BRANCHES, "--answers", "exact", "--concurrency", 4 * arguments.clients, "--log", "none"]
        words += ["--questions", arguments.clients, "--queue", arguments.clients, "--sandbox", arguments.sandbox]
        with process(Path(sys.executable).with_name("autotts"), *words, "--workers", arguments.workers) as gateway:
            url = line_with(gateway, "http")
            good = asyncio.run(measure(url, gateway.pid, arguments, expected))
            gateway.send_signal(signal.SIGTERM)
            code = gateway.wait(60)
        stub.send_signal(signal.SIGTERM)
        left = json.loads(line_with(stub, "in_flight"))
    print(
        f"exit code of the gateway: {code}; requests left at the stub: {left['in_flight']}, aborted: {left['aborted']}"
    )
    return 0 if good and not code and not left["in_flight"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
