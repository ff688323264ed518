"""Which agents there are, and what they cost."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.archive.run_directory import RunConfig
from agent.explorers import registry
from agent.explorers.coding_agent import explorer as command
from agent.explorers.coding_agent.explorer import TEMPLATES, AgentCommand, cost_of
from agent.records.version import Cost
from envs.errors import InputError


def test_agents_by_name_and_by_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/bin/{name}")
    for name in TEMPLATES:
        told = AgentCommand.make(name, "some-model").told("do it")
        assert any("do it" in part for part in told) and "some-model" in told
        assert not any("{" in part for part in told)
    assert AgentCommand.make("my-agent --do '{task}' -v").told("a b; c") == ["my-agent", "--do", "a b; c", "-v"]


@pytest.mark.parametrize(
    ("cli", "settings"),
    [("", {}), ("sh -c true", {}), ("no-such-agent {task}", {}), ("sh '{task}", {}), ("sh {task}", {"minutes": 0}),
     ("sh {task}", {"tries": 0}), ("sh {task}", {"minutes": float("nan")})],
)  # fmt: skip
def test_what_is_no_agent_is_refused_in_one_line(cli: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        AgentCommand.make(cli, **settings)


@pytest.mark.parametrize(
    ("output", "cost"),
    [
        ("", Cost(calls=1)),
        ("[]\n3\n{}", Cost(calls=1)),
        ('x\n{"total_cost_usd": 1.5}\nbye', Cost(1.5, calls=1)),
        ('{"total_cost_usd": NaN, "usage": 3}', Cost(calls=1)),
        ('{"total_cost_usd": -1, "num_turns": "many"}', Cost(calls=1)),
        ("[" * 100_000, Cost(calls=1)),
    ],
)
def test_costs_are_read_where_they_are_told(output: str, cost: Cost) -> None:
    assert cost_of(output) == cost


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({"explorer": "anthropic"}, "claude-"),
        ({"explorer": "anthropic", "model": "mine"}, "mine"),
        ({"explorer": "mixture", "mixture": ("evolve", "anthropic")}, "claude-"),
        ({"explorer": "mixture", "mixture": ("openai", "anthropic")}, ""),
        ({"explorer": "openai"}, ""),
        ({"explorer": "evolve", "mixture": ("anthropic", "command")}, ""),
    ],
)
def test_a_default_model_is_that_of_the_one_explorer_that_asks_one(settings: dict[str, Any], model: str) -> None:
    found = registry.with_model(RunConfig(environments={}, **settings)).model
    assert found.startswith(model) and bool(found) == bool(model)


def test_the_run_and_the_data_root_that_was_given_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hidden: list[Path] = []
    monkeypatch.setattr(command, "CodingAgentExplorer", lambda agent, root, hide, **settings: hidden.extend(hide))
    config = RunConfig(explorer="command", command="sh {task}", environments={})
    run: Any = SimpleNamespace(home=tmp_path / "run", config=config)
    registry.make_explorer(run, SimpleNamespace(budget=None), lambda *_: None, tmp_path / "data")  # type: ignore[arg-type]
    assert hidden == [tmp_path / "run", tmp_path / "data"]
