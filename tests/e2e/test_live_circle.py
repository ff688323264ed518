"""The whole circle against a real server: `make demo-live` in its smallest size, then `ask` and `fidelity`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from autotts.envs.live.tiny.server import TinyServer
from benchmarks.demo_live import ENVIRONMENT, DemoSize, run


@pytest.mark.slow
def test_demo_collects_discovers_serves_and_compares(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    size = DemoSize(collected=4, branches=4, fresh=8, seconds=0, generations=1, population=2, orders=1)
    run(tmp_path / "demo", "process", size)
    printed = capfd.readouterr().out
    assert "self_consistency at beta 1" in printed and "tokens saved" in printed and "replay predicted" in printed
    data = tmp_path / "demo" / "data"
    env = store.load(catalogue.path_of(data, ENVIRONMENT))
    assert len(env) == 4 and len(env.branches(0)) == 4 and env.provenance["model"] == "autotts-tiny"
    with TinyServer() as server:
        found = tmp_path / "ask.json"
        line = ["ask", "self_consistency", env.questions[0], "--base-url", server.base_url, "--branches", "4"]
        assert main([*line, "--beta", "0.2", "--json", str(found)]) in (0, 1)  # the tiny model may give no answer
        asked = json.loads(found.read_text())
        assert asked["verdict"] == "ok" and asked["branches"] == 2 and asked["level"] == "full"
        assert asked["tokens"] == asked["branch_use"]["generated"]
        line = ["fidelity", "parallel_probe", "--env", ENVIRONMENT, "--data", str(data), "--base-url", server.base_url]
        assert main([*line, "--beta", "0.2", "--orders", "4", "--json", str(found)]) in (0, 1)
        compared = json.loads(found.read_text())
    assert {row["question"] for row in compared["questions"]} == set(range(4)) and compared["hash"] == env.hash
    assert "differs from replay" in (text := capfd.readouterr().out) or "agrees with replay" in text
