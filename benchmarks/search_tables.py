"""The tables and the figure of `benchmarks.search`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""The 97.5% quantile of Student's distribution by degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Course:
    """The progress of a discovery: an entry for the baselines, and one after each candidate."""

    episodes: list[int]
    hypervolume: list[float]
    seconds: float
    """Of work on candidates."""
    version: str
    searched: float
    """Quality of the best version, as the search believes it."""
    best: float
    """Quality of the best version on fresh branch orders."""
    curve: list[tuple[float, float]]
    """Accuracy in per cent and mean tokens of the best version there, by beta."""
    exchanged: float
    """Its quality there if noise stands in for the signal."""
    signals: tuple[str, ...]
    """The signals that the best version uses."""


def read_course(path: Path) -> Course:
    document = json.loads(path.read_text())
    curve = [(accuracy, tokens) for accuracy, tokens in document["curve"]]
    return Course(**{**document, "signals": tuple(document["signals"]), "curve": curve})


def saved(ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> float:
    """Return the share of tokens that our curve saves against theirs at equal accuracy, in per cent.

    It is the mean over ten accuracies, from the middle of the range of their accuracies to the highest that both
    reach. Between two points of a curve, the logarithm of tokens is interpolated.
    """
    first, second = (_best_first(curve) for curve in (ours, theirs))
    top = min(first[0][-1], second[0][-1])
    levels = np.linspace(min(top, (second[0][0] + second[0][-1]) / 2), top, 10)
    ratio = [math.exp(np.interp(at, *first) - np.interp(at, *second)) for at in levels]
    return 100 * (1 - float(np.mean(ratio)))


def _best_first(curve: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return ascending accuracies and the logarithm of the fewest tokens that reach each of them."""
    accuracies, tokens = list[float](), list[float]()
    for accuracy, spent in sorted(curve, key=lambda point: point[1]):
        if not accuracies or accuracy > accuracies[-1]:
            accuracies.append(accuracy)
            tokens.append(math.log(spent))
    return accuracies, tokens


def print_courses(courses: dict[str, list[Course]]) -> None:
    titles = ("hypervolume", "over random", "best, searched", "best, fresh orders", "over random")
    print(
        "\n" + " ".join([f"{'variant':9}", *(f"{title:>22}" for title in titles), "candidates", "seconds", "signals"])
    )
    first = next(iter(courses.values()))
    base = courses.get("random", first)
    for variant, found in courses.items():
        ends, best = [course.hypervolume[-1] for course in found], [course.best for course in found]
        cells = (
            _spread(ends), _paired(ends, [course.hypervolume[-1] for course in base]),
            _spread([course.searched for course in found]), _spread(best),
            _paired(best, [course.best for course in base]),
        )  # fmt: skip
        used = sum(bool(course.signals) for course in found)
        print(
            f"{variant:9}", *(f"{cell:>22}" for cell in cells),
            f"{np.mean([len(course.episodes) - 1 for course in found]):10.0f}",
            f"{np.mean([course.seconds for course in found]):7.0f}", f"{used} of {len(found)}",
        )  # fmt: skip


def print_signals(courses: dict[str, list[Course]]) -> None:
    """Print what the column of the signal saves, seed by seed."""
    for variant in ("informative", "noise"):
        for seed, (course, plain) in enumerate(zip(courses[variant], courses["without"], strict=True)):
            used = ", ".join(course.signals) or "no signal"
            print(
                f"{variant:11} {seed}: {saved(course.curve, plain.curve):5.1f}% of tokens saved at equal accuracy; "
                f"uses {used}; quality {course.best:.2f}, with noise in its place {course.exchanged:.2f}"
            )


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):7.2f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}"


def _paired(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the mean difference with its 95% interval."""
    return interval_of(np.subtract(ours, theirs).tolist())


def interval_of(differences: Sequence[float]) -> str:
    """Return the mean of differences with its 95% interval (Student), as text."""
    mean = float(np.mean(differences))
    if len(differences) < 2:
        return f"{mean:+.2f}"
    spread = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    half = _STUDENT.get(len(differences) - 1, 2.0) * spread
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"


def draw(courses: dict[str, list[Course]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 5))
    for variant, found in courses.items():
        at = np.linspace(0, min(course.episodes[-1] for course in found), 200)
        steps = np.array([np.array(c.hypervolume)[np.searchsorted(c.episodes, at, side="right") - 1] for c in found])
        mean, spread = steps.mean(axis=0), steps.std(axis=0, ddof=1) if len(steps) > 1 else 0 * at
        (line,) = axis.plot(at, mean, label=f"{variant} ({len(found)} seeds)")
        axis.fill_between(at, mean - spread, mean + spread, alpha=0.15, color=line.get_color())
    axis.set(xlabel="episodes", ylabel="hypervolume, points (search figures)")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
