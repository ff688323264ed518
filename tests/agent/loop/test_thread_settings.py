"""Settings of a thread of a LangGraph server: kept, checked, and the run that they open."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run
from autotts.agent.loop.thread_settings import RUN_VARIABLE, Thread
from autotts.envs import catalogue, store
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.synthetic.model import default_models, generate

TINY = generate(next(iter(default_models().values())), "tiny/model", questions=2, branches=4)
SMALL = {"environments": ["tiny/*"], "generations": 1, "population": 2, "sandbox": "process"}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTTS_DATA", str(tmp_path / "data"))
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    store.save(TINY, catalogue.path_of(tmp_path / "data", TINY.name))


def test_thread_stores_its_settings(tmp_path: Path) -> None:
    thread = Thread(tmp_path / "thread")
    with pytest.raises(InputError, match="no run yet"):
        thread.run()
    run = thread.open(thread.settings({**SMALL, "approve": True, "__internal": 1}))
    assert run.home == thread.home == thread.run().home
    assert run.config.environments == {TINY.name: TINY.hash} and run.config.orders == 1
    again = Thread(thread.home)
    assert again.settings({}).approve and again.settings({"generations": 1}).population == 2
    again.open(again.settings({"approve": False}))
    assert again.settings({}).approve is False
    with pytest.raises(InputError, match="began with population 2, not 3"):
        again.settings({"population": 3})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"generaions": 1}, "generaions"),
        ({"generations": -1}, "generations"),
        ({"sandbox": "none"}, "sandbox"),
        ({"run": 3}, "run"),
    ],
)
def test_wrong_setting_is_an_error_before_anything_is_written(
    tmp_path: Path, given: dict[str, object], words: str
) -> None:
    thread = Thread(tmp_path / "thread")
    with pytest.raises(InputError, match=f"setting {words}"):
        thread.settings(given)
    with pytest.raises(InputError):
        thread.open(thread.settings({"environments": ["no/such"], "sandbox": "process"}))
    assert not thread.home.exists()


def test_existing_run_keeps_its_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "runs/1"
    first = Thread(tmp_path / "first")
    first.open(first.settings({**SMALL, "run": str(home)}))
    second = Thread(tmp_path / "second")
    with pytest.raises(InputError, match="a run with other orders"):
        second.open(second.settings({"run": str(home), "orders": 2}))
    assert second.stored() is None
    monkeypatch.setenv(RUN_VARIABLE, str(home))
    assert second.open(second.settings(SMALL)).config == Run(home).config
    monkeypatch.delenv(RUN_VARIABLE)
    assert second.run().home == home


def test_error_names_the_damaged_settings_file(tmp_path: Path) -> None:
    thread = Thread(tmp_path / "thread")
    thread.open(thread.settings(SMALL))
    (thread.home / "thread.json").write_text("{")
    with pytest.raises(DamagedFile, match=r"thread\.json"):
        thread.settings({})
