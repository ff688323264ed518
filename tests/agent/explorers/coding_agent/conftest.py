"""A stage whose teardown checks that no process is left running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.agent.explorers.coding_agent import headless

from .stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    assert headless.marked(made.home) == []
