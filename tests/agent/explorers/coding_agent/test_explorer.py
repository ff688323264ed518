"""The explorer `command`, with a script as the coding agent: normal work, limits and texts."""

from __future__ import annotations

import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.agent.explorers.coding_agent import directory as workspace
from autotts.agent.explorers.coding_agent.client import ADDRESS
from autotts.agent.explorers.coding_agent.explorer import CodingAgentExplorer
from autotts.agent.llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from autotts.agent.records.explorer import Brief, LimitReached
from autotts.agent.records.version import Cost, Expectation
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox import policy
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

from .stage import BRIEF, FakeTools, Stage

# Normal work


def test_agent_looks_tries_corrects_and_submits(stage: Stage) -> None:
    (proposal,) = stage.propose("good")
    assert 'name = "mine"' in proposal.source and proposal.rationale == "Run fewer branches, since they agree."
    assert proposal.parents == ("g001-aaaa",)
    assert proposal.expects == (Expectation("tokens", "less"), Expectation("accuracy", "same"))
    assert proposal.cost == Cost(0.25, 40, 30, 7, 3)
    assert proposal.author == "command" and re.fullmatch("workspace-[0-9a-f]{8}", proposal.prompts)
    assert "> try" in proposal.transcript and "> look list_versions" in proposal.transcript
    assert ("list_versions", {"limit": 5}) in stage.tools.calls
    tried = [given for name, given in stage.tools.calls if name == "try_candidate"]
    assert len(tried) == 1  # what the policy refuses is not evaluated
    assert stage.said == []


def test_finished_workspace_is_not_run_again(stage: Stage) -> None:
    first = stage.propose("good")
    assert stage.propose("fails") == first
    stage.tools = FakeTools()
    other = Brief(6, 3, 1, BRIEF.parents, BRIEF.front)  # the same slot, but another brief
    assert stage.command("unchanged").propose(other) == []


def test_interrupted_workspace_is_continued(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 12, 30)
    made.prepare("/nowhere")
    (stage.home / "controller.py").write_text(baseline_source("early_stopping"))
    (stage.home / "autotts").write_text("broken")
    (proposal,) = stage.propose("unchanged")
    assert proposal.source == baseline_source("early_stopping")
    assert "def main" in (stage.home / "autotts").read_text()


def test_incomplete_workspace_is_created_again(stage: Stage) -> None:
    stage.home.mkdir(parents=True)
    (stage.home / "controller.py").write_text("half")
    (stage.home / "history").symlink_to("/")
    assert stage.propose("unchanged") == []
    assert (stage.home / "controller.py").read_text() == baseline_source("parallel_probe")
    assert "given" in stage.said[0]


def test_same_brief_gives_the_same_workspace(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        made = workspace.Workspace(tmp_path / name, BRIEF, "refine", FakeTools(), 12, 30)
        made.prepare("/somewhere")
        files = (path for path in made.home.rglob("*") if path.is_file())
        texts.append({path.relative_to(made.home).as_posix(): path.read_bytes() for path in files})
    assert texts[0] == texts[1]
    wanted = {"TASK.md", "CONTRACT.md", "history/g001-aaaa.py", "history/INDEX.txt", "examples/parallel_probe.py"}
    assert wanted < texts[0].keys()
    assert any(name.startswith("traces/") for name in texts[0])


# Limits


def test_running_agents_do_not_exceed_a_limit_on_dollars(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    budget, guard, flying, most = (
        LlmBudget(SpendingLimits(run=SpendingLimit(dollars=1.0))),
        threading.Condition(),
        set[str](),
        [0],
    )
    asked = CodingAgentExplorer(
        stage.agent("good"), stage.root / "workspaces", (), lambda bench: stage.tools, budget=budget
    )

    def work(self: CodingAgentExplorer, made: workspace.Workspace, tools: Any) -> workspace.WorkspaceResult:
        with guard:
            flying.add(made.name)
            most[0] = max(most[0], len(flying))
            assert budget.spent().dollars or len(flying) == 1, "the cost of the first agent is unknown"
            # waits until the other allowed agents are running
            guard.notify_all()
            guard.wait_for(lambda: budget.spent().calls != 1 or most[0] == 2, 20)
            flying.discard(made.name)
        return workspace.WorkspaceResult(key=made.key, source="x", rationale="y", cost=Cost(0.4, calls=1))

    def one(slot: int) -> str:
        try:
            return "proposed" if asked.propose(replace(BRIEF, slot=slot)) else "nothing"
        except LimitReached as limit:
            return str(limit)

    monkeypatch.setattr(CodingAgentExplorer, "_run", work)
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(one, range(6)))
    assert outcomes.count("proposed") == 3 and most == [2], "0.4 spent and two running at 0.4 each exceed the limit"
    assert outcomes.count("the run has spent $1.2000 of at most $1") == 3


# Texts


def test_example_in_the_contract_is_valid() -> None:
    example = re.search(r"```python\n(.*?)```", (workspace.PROMPTS / "CONTRACT.md").read_text(), re.DOTALL)
    assert example and policy.check(example[1]).ok
    episodes = grid(default_environments()[:1], [0.0, 0.5, 1.0], [0])
    result = evaluate(example[1], episodes, ProcessSandbox())
    assert result.verdict.ok
    tokens = [point.mean_tokens for point in result.curve]
    assert tokens == sorted(tokens)


def test_task_names_the_existing_files(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 9, 20)
    made.prepare("/nowhere")
    text = (made.home / "TASK.md").read_text()
    assert "**9 tries and 20 minutes.**" in text and "wide step" in text and "`g001-aaaa`" in text and "$" not in text
    for name in re.findall(r"`([A-Za-z./]+(?:\.md|\.py|\.txt|/))`", text):
        assert (made.home / name).exists(), name
    assert (made.home / ADDRESS).read_text() == "/nowhere\n"
    done = subprocess.run([made.home / "autotts", "try"], cwd=made.home, capture_output=True, text=True)
    assert done.returncode == 1 and "time is over" in done.stderr and "Traceback" not in done.stderr
