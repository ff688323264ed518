"""Measures the tiny model behind its real server: ``python -m benchmarks.tiny_model``; exit code 1 for a bad one.

Prints the accuracy of one branch and of votes, the lengths of branches, and for each depth how many probes are right
and how many agree with the branch's final answer. A branch that has ended counts with its final answer from there on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from autotts.envs.live.tiny import CONTEXT, GGUF, PROBE_SUFFIX
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer

VOTES = (1, 2, 4, 8, 16, 32, 64)
_ENOUGH = {"branch": (0.37, 0.60), "vote of 32": (0.81, 1.0), "agreement at the end": (0.97, 1.0)}
"""Ranges that the figures of a good training lie in, with the noise of 80 questions."""


@dataclass(slots=True)
class MeasuredBranch:
    """A branch, and what its probes answered."""

    tokens: list[int]
    answer: str | None
    probes: list[str | None] = field(default_factory=list)


class MeasuredModel:
    """Asks the server by its native interface, in token ids."""

    def __init__(self, client: httpx.AsyncClient, parallel: int) -> None:
        self._client = client
        self._gate = asyncio.Semaphore(parallel)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the server's answer."""
        async with self._gate:
            answer = await self._client.post(path, json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def tokens(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        return list((await self.post("/tokenize", {"content": text}))["tokens"])

    async def complete(self, prompt: Sequence[int], tokens: int, temperature: float, seed: int) -> dict[str, Any]:
        """Return a completion of ``prompt``: its ``content`` and ``tokens``."""
        body = {
            "prompt": list(prompt), "n_predict": tokens, "temperature": temperature, "top_k": 0, "top_p": 1.0,
            "min_p": 0.0, "seed": seed, "return_tokens": True, "cache_prompt": True,
        }  # fmt: skip
        return await self.post("/completion", body)

    async def branch(
        self, prompt: Sequence[int], suffix: Sequence[int], seed: int, delta: int | None
    ) -> MeasuredBranch:
        """Return a whole branch, probed after every ``delta`` tokens."""
        found = await self.complete(prompt, CONTEXT - len(prompt), 1.0, seed)
        branch = MeasuredBranch(found["tokens"], boxed(found["content"].rpartition("\\boxed{")))
        for depth in range(delta, len(branch.tokens), delta) if delta else ():
            probe = await self.complete([*prompt, *branch.tokens[:depth], *suffix], 6, 0.0, 0)
            branch.probes.append(boxed(("", "{", probe["content"])))
        return branch


def boxed(split: tuple[str, str, str]) -> str | None:
    """Return the answer in a text that was split at the last opening of a box; None if there is none."""
    _, opened, rest = split
    answer, closed, _ = rest.partition("}")
    return answer if opened and closed else None


async def measure(server: TinyServer, args: argparse.Namespace) -> list[tuple[str, list[MeasuredBranch]]]:
    """Return the branches of each question, with its gold answer."""
    async with httpx.AsyncClient(base_url=server.base_url.removesuffix("/v1"), timeout=600) as client:
        model = MeasuredModel(client, args.parallel)
        suffix = await model.tokens(PROBE_SUFFIX)

        async def ask(number: int, text: str, gold: str) -> tuple[str, list[MeasuredBranch]]:
            messages = [{"role": "user", "content": text}]
            rendered = (await model.post("/apply-template", {"messages": messages}))["prompt"]
            prompt = await model.tokens(rendered)
            return gold, await asyncio.gather(*(
                model.branch(prompt, suffix, number * 1000 + i + 1, args.delta if i < args.probed else None)
                for i in range(args.branches)
            ))  # fmt: skip

        asked = questions(args.questions, args.seed)
        return await asyncio.gather(*(ask(number, *each) for number, each in enumerate(asked)))


def figures(asked: Sequence[tuple[str, list[MeasuredBranch]]], delta: int) -> dict[str, Any]:
    """Return all figures."""
    source = random.Random(0)
    lengths = sorted(len(branch.tokens) for _, branches in asked for branch in branches)
    shares = [statistics.mean(branch.answer == gold for branch in branches) for gold, branches in asked]
    most = len(asked[0][1])
    return {
        "branch": statistics.mean(shares),
        "no answer": statistics.mean(b.answer is None for _, branches in asked for b in branches),
        **{f"vote of {n}": statistics.mean(_vote(*each, n, source) for each in asked) for n in VOTES if 1 < n <= most},
        "questions below 10%": statistics.mean(share < 0.1 for share in shares),
        "shares of the questions": [round(share, 2) for share in sorted(shares)],
        "tokens": {
            f"{q}%": lengths[min(len(lengths) - 1, len(lengths) * q // 100)] for q in (0, 5, 25, 50, 75, 95, 100)
        },
        "probes": _by_depth(asked, delta),
    }


def _vote(gold: str, branches: Sequence[MeasuredBranch], n: int, source: random.Random, draws: int = 40) -> float:
    """Return how often the vote of ``n`` of the branches is right; a tie counts by its share."""
    won = 0.0
    for _ in range(draws):
        votes = Counter(b.answer for b in source.sample(branches, n) if b.answer is not None)
        best = max(votes.values(), default=0)
        leaders = [answer for answer, count in votes.items() if count == best]
        won += (gold in leaders) / max(1, len(leaders))
    return won / draws


def _by_depth(asked: Sequence[tuple[str, list[MeasuredBranch]]], delta: int) -> list[dict[str, float]]:
    """Return for each depth the shares of right probes, of those that agree with the end, and of running branches."""
    probed = [(gold, b) for gold, branches in asked for b in branches if b.probes]
    rows = []
    for depth in range(max((len(b.probes) for _, b in probed), default=0)):
        shown = [(gold, b.probes[depth] if depth < len(b.probes) else b.answer, b.answer) for gold, b in probed]
        rows.append({
            "tokens": (depth + 1) * delta,
            "right": round(statistics.mean(answer == gold for gold, answer, _ in shown), 3),
            "agree": round(statistics.mean(answer == final for _, answer, final in shown), 3),
            "none": round(statistics.mean(answer is None for _, answer, _ in shown), 3),
            "running": round(statistics.mean(depth < len(b.probes) for _, b in probed), 3),
        })  # fmt: skip
    return rows


def main() -> int:
    """Measure, print the figures, and return 1 if they are not those of a good training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-file", type=Path, default=GGUF, metavar="GGUF", help="(default: the one that ships)")
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="(default: 100)")
    parser.add_argument("--branches", type=int, default=32, metavar="N", help="of each question (default: 32)")
    parser.add_argument("--probed", type=int, default=4, metavar="N", help="branches that are probed (default: 4)")
    parser.add_argument("--delta", type=int, default=24, metavar="N", help="tokens between two probes (default: 24)")
    parser.add_argument("--seed", type=int, default=1000, metavar="N", help="of the questions (default: 1000)")
    parser.add_argument("--parallel", type=int, default=32, metavar="N", help="requests at a time (default: 32)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    args = parser.parse_args()
    began = time.monotonic()
    with TinyServer(args.model_file, parallel=args.parallel) as server:
        found = figures(asyncio.run(measure(server, args)), args.delta)
    rows = found["probes"]
    found["agreement at the end"] = rows[-1]["agree"] if rows else 1.0
    for name, value in found.items():
        print(
            f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}" if name != "probes" else name
        )
    for row in rows:
        print("   ", "  ".join(f"{name} {value}" for name, value in row.items()))
    print(f"{time.monotonic() - began:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    bad = [name for name, (low, high) in _ENOUGH.items() if name in found and not low <= found[name] <= high]
    print(f"not those of a good training: {', '.join(bad)}" if bad else "these are the figures of a good training")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
