"""`measure` runs a batch part by part: its figures, and the failures that it reports, are those of one whole run."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.agent.cli import evaluate as command
from autotts.envs.episodes import DEFAULT_ORDERS, Episodes, grid
from autotts.envs.statistics import curve
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import CandidateFailed, evaluate, measure
from autotts.sandbox.outcome import Candidate

PROBE = Candidate("parallel_probe", baseline_source("parallel_probe"))
FAILS_AT_HALF = Candidate(
    "fails",
    "from envs import Controller\n"
    "class Fails(Controller):\n"
    "    def solve(self, question):\n"
    "        if self.beta == 0.5: raise ValueError('half')\n",
)


def _episodes() -> Episodes:
    model = next(iter(default_models().values()))
    made = [generate(model, f"m{i}/model", questions=4, branches=12, seed=i) for i in range(2)]
    return grid(made, (0.0, 0.5, 1.0), range(6), 12)


@pytest.mark.parametrize("at_a_time", [1, 50, 143, 144, 10**6])
def test_figures_do_not_depend_on_the_size_of_the_parts(at_a_time: int) -> None:
    episodes = _episodes()
    if at_a_time == 1:
        episodes = episodes.take(np.arange(0, len(episodes), 12))
    with ProcessSandbox(2) as sandbox:
        whole = evaluate(PROBE, episodes, sandbox)
        steps: Counter[str] = Counter()
        parts = measure(PROBE, episodes, sandbox, lambda n: steps.update(done=n), at_a_time)
    assert whole.scores is not None and parts.figures is not None
    for name in ("correct", "tokens", "latency"):
        one, other = getattr(whole.scores, name), getattr(parts.figures, name)
        assert np.array_equal(one, other) and one.dtype == other.dtype
    assert [dataclasses.asdict(p) for p in parts.curve] == [dataclasses.asdict(p) for p in curve(whole.scores)]
    assert steps["done"] == len(episodes)


@pytest.mark.parametrize("at_a_time", [5, 40, 10**6])
def test_the_first_failure_is_named_as_in_a_whole_run(at_a_time: int) -> None:
    episodes = _episodes()
    with ProcessSandbox(2) as sandbox:
        whole, parts = evaluate(FAILS_AT_HALF, episodes, sandbox), measure(
            FAILS_AT_HALF, episodes, sandbox, at_a_time=at_a_time
        )
    assert parts.verdict == whole.verdict and parts.verdict.episode == 24
    with pytest.raises(CandidateFailed, match="half"):
        parts.curve  # noqa: B018 - the property raises


def test_the_command_and_the_library_have_the_same_default_of_branch_orders() -> None:
    assert command.ORDERS == DEFAULT_ORDERS


def test_the_count_names_its_factors() -> None:
    assert _episodes().count() == "144 episodes: 2 environments (8 questions) x 3 betas x 6 orders"


SCRIPT = """
import sys
from pathlib import Path
from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox import evaluation
from autotts.sandbox.backends.process import ProcessSandbox
evaluation.EPISODES_AT_A_TIME = 2048
batch = grid(default_environments(), orders=range(int(sys.argv[1])), max_branches=16)
with ProcessSandbox(1) as sandbox:
    found = evaluation.measure(evaluation.Candidate("a", baseline_source("self_consistency")), batch, sandbox)
assert len(found.curve) == 55
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""


@pytest.mark.slow
def test_memory_hardly_grows_with_the_number_of_episodes() -> None:
    few, many = (
        int(subprocess.run([sys.executable, "-c", SCRIPT, str(n)], capture_output=True, text=True, check=True).stdout)
        for n in (4, 64)
    )
    assert many - few < 32 << 10, "84,480 episodes need at most 32 MB more than 5,280"
