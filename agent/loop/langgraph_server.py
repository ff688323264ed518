"""The graph as LangGraph's own tools open it: see ``langgraph.json``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from envs import catalogue
from envs.synthetic.model import default_environments
from sandbox.choice import open_sandbox

from ..archive.resolve import RUNS
from ..archive.run_directory import Run, RunConfig
from ..explorers.registry import make_explorer
from ..llm.budget import LlmBudget
from ..llm.calls import CallJournal
from ..llm.prices import Prices
from .graph import DiscoveryGraph, build
from .nodes import Discovery

VARIABLE = "AUTOTTS_RUN"


def graph(config: dict[str, Any]) -> DiscoveryGraph:
    """Return the compiled graph of a run, without a checkpointer: the tool that opens it brings its own.

    Args:
        config: whose ``configurable.run`` names the run directory; else $AUTOTTS_RUN does, else a small run on the
            synthetic environments is begun under ``runs/studio``.
    """
    named = config.get("configurable", {}).get("run") or os.environ.get(VARIABLE)
    run = Run(Path(named)) if named else _small()
    calls = CallJournal(
        run.home / "calls", run.config.seed, Prices(), LlmBudget(run.limits(), hours_before=run.hours())
    )
    found = make_explorer(run, calls, lambda event, fields: run.log(event, **fields), catalogue.data_root())
    return build(Discovery(run, found, open_sandbox(run.config.sandbox), budget=calls.budget))


def _small() -> Run:
    environments = default_environments()
    with open_sandbox() as sandbox:
        config = RunConfig(
            generations=2, population=4, seeds=1, environments={env.name: env.hash for env in environments},
            sandbox=sandbox.name,
        )  # fmt: skip
    return Run.create(RUNS / "studio", config, environments)
