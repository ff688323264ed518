"""Plugins: how a name becomes an explorer, a sandbox or a tracker of the user, and what a wrong name leads to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import RunConfig
from autotts.agent.explorers import registry
from autotts.agent.llm.prices import Prices
from autotts.agent.reports.trackers.base import tracker
from autotts.envs import plugins
from autotts.envs.errors import InputError
from autotts.sandbox.choice import check_name, open_sandbox, recorded_name

MODULE = """
from autotts import ProcessSandbox

number = 1

class Mine:
    name = "mine"
    one_at_a_time = needs_own_data = False
    propose = refine = lambda self, brief: []
    close = lambda self: None

class Demanding(Mine):
    def __init__(self, setting): ...

class Unfinished:
    name = "unfinished"

class Nested:
    class Tracker:
        start = log = end = lambda self, *args: "id"

class Box(ProcessSandbox):
    name = "box"
"""


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the user in the current directory, under a new name for each test."""
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name


def check(explorer: str) -> None:
    registry.check_requirements(RunConfig(explorer=explorer, environments={}), Prices())


def test_names_of_the_users_modules_are_resolved(mine: str) -> None:
    check(f"{mine}:Mine")
    assert tracker(f"{mine}:Nested.Tracker").start("run", {}, None) == "id"
    with open_sandbox(f"{mine}:Box", 2) as sandbox:
        assert (sandbox.name, sandbox.workers) == ("box", 2)  # type: ignore[attr-defined]
        assert recorded_name(f"{mine}:Box", sandbox) == f"{mine}:Box" and recorded_name("auto", sandbox) == "box"


def test_entry_points_are_resolved(mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = EntryPoints(
        EntryPoint(name, f"{mine}:{target}", group)
        for name, target, group in (
            ("good", "Mine", registry.GROUP),
            ("boxed", "Box", "autotts.sandboxes"),
            ("diary", "Nested.Tracker", "autotts.trackers"),
        )
    )
    monkeypatch.setattr(plugins, "entry_points", lambda **wanted: offered.select(**wanted))
    check("good")
    assert tracker("diary")
    check_name("boxed")
    with open_sandbox("boxed") as sandbox:
        assert recorded_name("boxed", sandbox) == "boxed"
    with pytest.raises(InputError, match="no sandbox 'good': use one of auto, docker, bubblewrap, process, boxed, or"):
        check_name("good")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "no explorer 'nobody': there are evolve, "),
        ("MODULE:", "no explorer '.*:': use one of evolve, .* or your own as package.module:object"),
        ("no_such_module:Mine", "cannot import no_such_module: ModuleNotFoundError: No module named"),
        ("MODULE:Other", "has no attribute 'Other'; name a class or a function of MODULE"),
        ("MODULE:number", "it is a int, but must be a class or a function"),
        ("MODULE:Demanding", r"the call with \(\) failed: TypeError: .*'setting'"),
        ("MODULE:Unfinished", "Unfinished has no one_at_a_time, .*, propose, refine, close; see its protocol"),
    ],
)
def test_a_wrong_name_is_one_line_that_says_what_to_do(mine: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("MODULE", mine)) as caught:
        check(name.replace("MODULE", mine))
    assert "\n" not in str(caught.value)


def test_a_runtime_is_refused_where_it_has_no_meaning(mine: str) -> None:
    with pytest.raises(InputError, match="a runtime is a setting of Docker"):
        open_sandbox(f"{mine}:Box", runtime="runsc")
