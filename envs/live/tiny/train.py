"""Trains the tiny model from nothing, and writes its weights: ``python -m autotts.envs.live.tiny.train --out DIR``.

It takes about 8 minutes of one core. The examples and the first weights come from a seed; sums of floating-point
numbers differ between machines, so that a second training gives other weights of the same quality.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .examples import Example, ExampleMaker, Stage
from .export import export
from .network import Network, Shape
from .vocabulary import make_tokenizer

STEPS = 1000
TOKENS = 3072
"""Tokens of a step, with padding."""
MATRIX_RATE, RATE = 0.02, 4e-3
"""The highest learning rates: of the layers' matrices (Muon), and of the embedding and the norms (AdamW)."""
_POOL = 16
"""Batches that are made at once: examples of like lengths come together."""


def main() -> None:
    """Train, and write the weights and the training log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="write the weights and the log here")
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help=f"training steps (default: {STEPS})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of examples and first weights (default: 0)")
    parser.add_argument(
        "--start", type=Path, metavar="DIR", help="continue with the weights in DIR, on examples of the last stage"
    )
    args = parser.parse_args()
    train(args.out, args.steps, args.seed, args.start)


def train(out: Path, steps: int = STEPS, seed: int = 0, start: Path | None = None) -> list[dict[str, float]]:
    """Train for ``steps`` steps on one core, write everything into the folder ``out``, and return the log.

    The folder gets the weights every 250 steps too: a training that was stopped leaves a usable model.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # two threads were slower on a machine that has other work
    tokenizer = make_tokenizer()
    network = Network(Shape(vocabulary=tokenizer.get_vocab_size()))
    if start is not None:
        load(network, start)
    optimizers = _optimizers(network)
    maker = ExampleMaker(
        tokenizer, random.Random(f"training of the tiny model, {seed}{', continued' if start else ''}")
    )
    out.mkdir(parents=True, exist_ok=True)
    log: list[dict[str, float]] = []
    began, seen, loss_sum, step = time.process_time(), 0, 0.0, 0
    with (out / "training.jsonl").open("w", encoding="utf-8") as file:
        while step < steps:
            for batch in maker.batches(Stage.at(1.0 if start else step / steps), TOKENS, min(_POOL, steps - step)):
                loss = _loss(network, batch)
                network.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                for optimizer, rate in optimizers:
                    for group in optimizer.param_groups:
                        group["lr"] = rate * (continued_rate_share if start else rate_share)(step, steps)
                    optimizer.step()
                step += 1
                seen += sum(len(example.tokens) for example in batch)
                loss_sum += loss.item()
                if step % 25 == 0 or step == steps:
                    line = {
                        "step": step, "tokens": seen, "loss": round(loss_sum / ((step - 1) % 25 + 1), 4),
                        "cpu_seconds": round(time.process_time() - began, 1),
                    }  # fmt: skip
                    loss_sum = 0.0
                    log.append(line)
                    print(json.dumps(line), file=file, flush=True)
                    print(line, flush=True)
                if step % 250 == 0 and step < steps:
                    export(network, tokenizer, out)
                if step == steps:
                    break
    export(network, tokenizer, out)
    return log


def _optimizers(network: Network) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return the optimizers, each with its highest learning rate.

    Muon (Jordan et al., 2024) needs half as many tokens as AdamW here; it is for the matrices of layers only.
    """
    matrices = [each for each in network.layers.parameters() if each.ndim == 2]
    others = [each for each in network.parameters() if each.ndim == 1 or each is network.embed_tokens.weight]
    return [
        (torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.02, momentum=0.95, nesterov=True), MATRIX_RATE),
        (torch.optim.AdamW(others, lr=RATE, betas=(0.9, 0.98), eps=1e-10, weight_decay=0.01), RATE),
    ]


def rate_share(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: 50 steps of rise, level, and a cosine over the last 60%."""
    rise = min(1.0, (step + 1) / 50)
    fall = max(0.0, (step / steps - 0.4) / 0.6)
    return rise * (0.02 + 0.98 * (1 + math.cos(math.pi * fall)) / 2)


def continued_rate_share(step: int, steps: int) -> float:
    """Return the same for a training that continues: 20 steps of rise to a half, then a cosine."""
    return min(1.0, (step + 1) / 20) * (0.01 + 0.49 * (1 + math.cos(math.pi * step / steps)) / 2)


def load(network: Network, folder: Path) -> None:
    """Set the weights of ``network`` to those that `export` has written into ``folder``."""
    from safetensors.torch import load_file

    found = load_file(folder / "model.safetensors")
    network.load_state_dict({name.removeprefix("model."): tensor.float() for name, tensor in found.items()})


def _loss(network: Network, batch: list[Example]) -> Tensor:
    """Return the weighted mean cross-entropy of a batch."""
    longest = max(len(example.tokens) for example in batch)
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)
    weights = torch.zeros(len(batch), longest)
    for row, example in enumerate(batch):
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        weights[row, : len(example.tokens)] = torch.tensor(example.weights)
    logits = network(tokens[:, :-1])
    losses = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    counted = weights[:, 1:].flatten()
    return (losses * counted).sum() / counted.sum()


if __name__ == "__main__":
    main()
