"""Settings and costs of coding agents."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autotts.agent.archive.run_directory import RunConfig
from autotts.agent.explorers import registry
from autotts.agent.explorers.coding_agent import explorer as command
from autotts.agent.explorers.coding_agent.explorer import TEMPLATES, AgentCommand, cost_of
from autotts.agent.records.version import Cost
from autotts.envs.errors import InputError


def test_agents_by_name_and_by_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/bin/{name}")
    for name in TEMPLATES:
        command = AgentCommand.make(name, "some-model").command_line("do it")
        assert any("do it" in part for part in command) and "some-model" in command
        assert not any("{" in part for part in command)
    assert AgentCommand.make("my-agent --do '{task}' -v").command_line("a b; c") == ["my-agent", "--do", "a b; c", "-v"]


@pytest.mark.parametrize(
    ("cli", "settings"),
    [("", {}), ("sh -c true", {}), ("no-such-agent {task}", {}), ("sh '{task}", {}), ("sh {task}", {"minutes": 0}),
     ("sh {task}", {"tries": 0}), ("sh {task}", {"minutes": float("nan")})],
)  # fmt: skip
def test_invalid_agent_gives_a_one_line_error(cli: str, settings: dict[str, Any]) -> None:
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
def test_cost_is_read_from_the_output(output: str, cost: Cost) -> None:
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
def test_default_model_is_set_for_a_single_explorer_that_needs_one(settings: dict[str, Any], model: str) -> None:
    model_name = registry.with_model(RunConfig(environments={}, **settings)).model
    assert model_name.startswith(model) and bool(model_name) == bool(model)


def test_run_and_data_root_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hidden: list[Path] = []
    monkeypatch.setattr(command, "CodingAgentExplorer", lambda agent, root, hide, **settings: hidden.extend(hide))
    config = RunConfig(explorer="command", command="sh {task}", environments={})
    run: Any = SimpleNamespace(home=tmp_path / "run", config=config)
    registry.make_explorer(run, SimpleNamespace(budget=None), lambda *_: None, tmp_path / "data")  # type: ignore[arg-type]
    assert hidden == [tmp_path / "run", tmp_path / "data"]
