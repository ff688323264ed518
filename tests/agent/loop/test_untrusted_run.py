"""A run directory may come from somebody else: reading its checkpoints calls no code that they name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ormsgpack

from autotts.agent.loop.graph import checkpoints

CALL_WITH_ONE_ARGUMENT = 0
"""The type of LangGraph's MessagePack extension that calls a function: module, name, argument."""


def test_a_checkpoint_calls_no_function(tmp_path: Path) -> None:
    made = tmp_path / "made"
    call = ormsgpack.packb(("os", "mkdir", str(made)))
    poisoned = ormsgpack.packb({"pending": ormsgpack.Ext(CALL_WITH_ONE_ARGUMENT, call)})
    run: Any = SimpleNamespace(checkpoint=tmp_path / "checkpoint.sqlite")
    with checkpoints(run) as saver:
        saver.serde.loads_typed(("msgpack", poisoned))
    assert not made.exists()
