"""Compares the embedded synthetic models with the recorded data, by scaling curves of the baselines.

    python -m benchmarks.synthetic_fit [--write] [--detail] [DIRECTORY]

DIRECTORY holds the published JSON files (default: ``AUTOTTS_PUBLISHED``, else ``../shared/replay/aime24`` beside the
repository). ``--write`` fits the models anew and writes them to
``envs/synthetic/models.json``; without it the script only measures the present models.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from autotts.envs import Controller
from autotts.envs.importing import published
from autotts.envs.synthetic.fitting import FitRow, compare, fit
from autotts.envs.synthetic.model import SyntheticModel, default_models, generate

ROOT = Path(__file__).resolve().parent.parent
MODELS = {
    "synthetic/tiny": "Qwen3-0.6B.json",
    "synthetic/small": "Qwen3-1.7B.json",
    "synthetic/medium": "Qwen3-4B.json",
    "synthetic/large": "Qwen3-8B.json",
}
ACCURACY, TOKENS = 0.03, 0.10
"""The target: mean absolute difference of accuracy, and mean relative difference of tokens, over the beta grid."""


def baseline_controllers() -> list[type[Controller]]:
    """Load the shipped baselines: our own files, so they may run in this process."""
    found = []
    for path in sorted((ROOT / "controllers_archive" / "baselines").glob("*.py")):
        for value in runpy.run_path(str(path)).values():
            if isinstance(value, type) and issubclass(value, Controller) and value is not Controller:
                found.append(value)
    return found


def measure(task: tuple[str, str, Path, SyntheticModel, int, int, int]) -> tuple[str, list[FitRow]]:
    """Compare recorded and simulated results of one controller on one model; runs in a worker process."""
    name, controller, path, model, questions, orders, draw = task
    chosen = [value for value in baseline_controllers() if value.name == controller]
    simulated = generate(model, name, questions, 128, seed=draw)
    return name, compare(published.read(path, name), simulated, chosen, recorded_seeds=range(orders))


def report(rows: dict[str, list[FitRow]], detail: bool) -> None:
    """Print the differences, and whether they are within the target."""
    print(f"{'environment':18}{'controller':24}{'accuracy':>10}{'tokens':>10}  (mean absolute difference)")
    worst = {}
    for name, mine in rows.items():
        for controller in sorted({row.controller for row in mine}):
            curve = [row for row in mine if row.controller == controller]
            accuracy = float(np.mean([abs(r.simulated_accuracy - r.recorded_accuracy) for r in curve]))
            tokens = float(np.mean([abs(r.simulated_tokens / r.recorded_tokens - 1) for r in curve]))
            worst[name, controller] = accuracy, tokens
            mark = "" if accuracy <= ACCURACY and tokens <= TOKENS else "  beyond the target"
            print(f"{name:18}{controller:24}{100 * accuracy:9.1f}p{100 * tokens:9.1f}%{mark}")
            for r in curve if detail else ():
                print(
                    f"    beta {r.beta:.1f}  accuracy {r.recorded_accuracy:.3f} -> {r.simulated_accuracy:.3f}"
                    f"  tokens {r.recorded_tokens:9.0f} -> {r.simulated_tokens:9.0f}"
                )
    accuracy, tokens = np.array(list(worst.values())).T
    print(f"mean  {100 * accuracy.mean():.1f}p, {100 * tokens.mean():.1f}%")
    print(f"worst {100 * accuracy.max():.1f}p, {100 * tokens.max():.1f}%")


def main() -> None:
    """Fit the models if ``--write`` is given, then measure and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = os.environ.get("AUTOTTS_PUBLISHED") or ROOT.parent / "shared" / "replay" / "aime24"
    parser.add_argument("directory", nargs="?", type=Path, default=Path(default))
    parser.add_argument("--write", action="store_true", help="fit anew, and write the embedded models")
    parser.add_argument("--detail", action="store_true", help="print every beta")
    parser.add_argument("--questions", type=int, default=300, help="simulated questions (default 300)")
    parser.add_argument("--orders", type=int, default=20, help="branch orders of the recorded data (default 20)")
    parser.add_argument("--draw", type=int, default=1, help="seed of the simulated questions (default 1)")
    options = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        if options.write:
            recorded = [published.read(options.directory / file, name) for name, file in MODELS.items()]
            fitted = dict(zip(MODELS, pool.map(fit, recorded), strict=True))
            document = {name: model.model_dump() for name, model in fitted.items()}
            (ROOT / "envs" / "synthetic" / "models.json").write_text(json.dumps(document, indent=1) + "\n")
        models = default_models()
        sizes = options.questions, options.orders, options.draw
        tasks = [
            (name, controller.name, options.directory / MODELS[name], models[name], *sizes)
            for name in models
            for controller in baseline_controllers()
        ]
        rows: dict[str, list[FitRow]] = defaultdict(list)
        for name, part in pool.map(measure, tasks):
            rows[name] += part
    report(rows, options.detail)


if __name__ == "__main__":
    main()
