"""Runs whole discoveries with the explorer `command`; a script plays the coding agent and uses only its workspace."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.cli.main import main
from autotts.agent.cli.try_draft import attempt
from autotts.agent.explorers.coding_agent import headless
from autotts.agent.explorers.coding_agent.explorer import AgentCommand, CodingAgentExplorer, spent
from autotts.agent.llm.budget import LlmBudget, Spending
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.records.card import Card
from autotts.agent.records.version import Cost
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox

# Reads versions and a trace, tries a broken draft, repairs it, tries it again, and submits another one in each round.
AGENT = r'''
import glob, json, os, re, subprocess, sys

def auto(*arguments, code=0):
    done = subprocess.run(["./autotts", *arguments], capture_output=True, text=True)
    print("$", *arguments, "->", done.returncode, done.stdout, done.stderr)
    assert done.returncode == code, (arguments, done)
    return done.stdout

SOURCE = """from envs import Controller, confidence, leader

class Round(Controller):
    name = "round"

    @staticmethod
    def schedule(beta):
        return {"width": round(64**beta), "sure": 0.90 + 0.0%d * beta}

    def solve(self, question):
        answers = []
        winner = None
        while len(answers) < self.params["width"] and question.can_branch:
            answers.append(question.run_to_end(question.branch()))
            winner, first, second = leader(answers)
            if len(answers) > 1 and confidence(first, second) >= self.params["sure"]:
                break
        return winner
"""
task = open("TASK.md").read()
number = 1 + int(re.search(r"# Round (\d+)", task)[1]) * 2 + ("directed" in task)
start = re.search(r"^parents: (\S+)", open("rationale.md").read(), re.M)[1]
assert os.path.exists("history/%s.py" % start) and os.path.exists("history/INDEX.txt")
assert start in auto("look", "list_versions", "limit=30")
auto("look", "scaling_curve", "versions=early_stopping,%s" % start)
auto("look", "findings", "version=" + start)
found = auto("look", "find_episodes", "version=" + start, "kind=most_tokens", "limit=3")
handle = re.search(r"e\d+:q\d+:b[\d.]+:o\d+", found)[0]
auto("look", "read_trace", "version=" + start, "episode=" + handle)
open("controller.py", "w").write("import os\n" + SOURCE % number)
assert "line 1" in auto("try", code=1)
open("controller.py", "w").write((SOURCE % number).replace("question.branch()", "7"))
assert "illegal_action" in auto("try", code=1)
open("controller.py", "w").write(SOURCE % number)
assert "quality" in auto("try")
auto("look", "compare", "first=" + start, "second=try-1")
open("rationale.md", "w").write("---\nparents: %s\nexpects: tokens less\n---\nAdaptive, with %d.\n" % (start, number))
assert "taken" in auto("submit")
print(json.dumps({"total_cost_usd": 0.5, "num_turns": 2, "usage": {"input_tokens": 5, "output_tokens": 6}}))
'''


def explore(home: Path, script: Path) -> tuple[Run, list[Card], LlmBudget]:
    environments = default_environments()[:2]
    config = RunConfig(
        explorer="command", generations=3, population=2, orders=1, betas=(0.0, 0.5, 1.0),
        environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    run = Run.create(home, config, environments)
    agent, budget = AgentCommand((sys.executable, str(script), "{task}"), minutes=5, tries=4), LlmBudget()
    with ProcessSandbox() as sandbox:
        explorer = CodingAgentExplorer(agent, run.home / "workspaces", hide=[run.home], budget=budget)
        discover(Discovery(run, explorer, sandbox))
    return run, run.archive.cards(), budget


def test_coding_agent_explores_three_generations_without_seeing_answers_or_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "agent.py"
    script.write_text(AGENT)
    run, cards, budget = explore(tmp_path / "run", script)
    made = [card for card in cards if card.generation > 0]
    assert [card.generation for card in made] == [1, 1, 2, 2, 3, 3]
    assert all(card.ok and card.explorer == "command" and card.parents for card in made)
    assert {card.cost for card in made} == {Cost(0.5, 5, 0, 6, 2)}
    assert {card.prompts.partition("-")[0] for card in made} == {"workspace"}
    assert all("less tokens" in card.outcome for card in made)
    assert sum(spent(run.home / "workspaces").values(), Spending()) == budget.spent()
    assert budget.spent().dollars == pytest.approx(3.0) and run.archive.verify() == []

    # no file of the agent holds the name of an environment, or a question
    environments = run.environments()
    names = [env.name for env in environments]
    questions = [question for env in environments for question in env.questions if question]
    for path in (run.home / "workspaces").rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not [name for name in names if name in text], path
            assert not [question for question in questions if question in text], path

    assert main(["transcript", "g003-refine-0", "--run", str(run.home)]) == 0
    assert "> submit" in capsys.readouterr().out

    draft = run.home / "workspaces" / "g003-refine-0" / "controller.py"
    settings = argparse.Namespace(
        file=str(draft), run=str(run.home), sandbox="process", runtime=None, interpreter="auto", workers=1
    )
    assert attempt(settings) == 0
    said = capsys.readouterr().out
    assert "quality" in said and "idle_tokens" in said
    draft.write_text("import os")
    assert attempt(settings) == 1 and "rejected: policy" in capsys.readouterr().out
    for home in (run.home / "workspaces").iterdir():
        assert not home.is_dir() or headless.marked(home) == []
        assert not home.is_dir() or any((home / "traces").iterdir())


def test_finished_workspaces_are_reused_without_asking_the_agent_again(tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text(AGENT)
    _, cards, _ = explore(tmp_path / "one", script)
    again = tmp_path / "two"
    again.mkdir()
    (tmp_path / "one" / "workspaces").rename(again / "workspaces")
    script.write_text("raise SystemExit('asked again')")
    _, same, budget = explore(again, script)
    assert [card.model_dump() for card in same] == [card.model_dump() for card in cards]
    assert budget.spent().calls == 0
    results = [json.loads(path.read_text()) for path in (again / "workspaces").glob("*.result.json")]
    assert len(results) == 6 and all(re.fullmatch("[0-9a-f]{64}", result["key"]) for result in results)
