"""A discovery from Python: events, result, archive, an explorer and a sandbox of one's own, stop and resume."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

import autotts
from autotts import Brief, Explorer, ProcessSandbox, Proposal
from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.main import main

WORLD = "synthetic/tiny"
SMALL = {"population": 2, "orders": 1, "betas": [0.0, 1.0], "max_branches": 8, "workers": 1}
SOURCE = """
from autotts import Controller, majority

class Some(Controller):
    name = "some"

    @staticmethod
    def schedule(beta):
        return {{"width": 1 + round({most} * beta)}}

    def solve(self, question):
        return majority(question.run_many_to_end(question.branch_many(self.params["width"])))
"""


class Widths(Explorer):
    """Draws the number of branches."""

    name = "widths"

    def propose(self, brief: Brief) -> list[Proposal]:
        chance = Random(brief.seed)
        parents = tuple(version.id for version in brief.parents[:1])
        return [
            Proposal(SOURCE.format(most=most), f"{most} branches more at beta 1", parents)
            for most in chance.sample(range(1, 8), brief.count)
        ]

    def refine(self, brief: Brief) -> list[Proposal]:
        return self.propose(brief)


class Polite(ProcessSandbox):
    """Workers that give way to all other processes."""

    name = "polite"
    about = "as little as a plain process"

    def command(self) -> list[str]:
        return ["nice", *super().command()]


@pytest.mark.slow
def test_a_discovery_streams_typed_events(tmp_path: Path) -> None:
    discovery = autotts.discover(WORLD, generations=1, run=tmp_path / "run", sandbox="process", **SMALL)
    events = list(discovery)
    assert isinstance(events[0], autotts.RunStarted) and isinstance(events[-1], autotts.RunFinished)
    tried = [event for event in events if isinstance(event, autotts.CandidateEvaluated)]
    archived = [event for event in events if isinstance(event, autotts.GenerationArchived)]
    assert len(archived) == 2 and len(tried) == len(discovery.archive) == archived[-1].versions
    assert list(discovery) == [] and discovery.result().best == events[-1].best in discovery.archive
    assert len(list(autotts.resume(tmp_path / "run", workers=1))) == 1, "a finished run has nothing to do"


@pytest.mark.slow
def test_an_explorer_and_a_sandbox_of_ones_own(tmp_path: Path) -> None:
    box = Polite()
    report = autotts.discover(
        WORLD, generations=1, run=tmp_path / "run", explorer=Widths(), sandbox=box, **SMALL
    ).result()
    archive = autotts.open_archive(tmp_path / "run")
    mine = [version for version in archive if version.generation == 1]
    assert mine and {version.explorer for version in mine} == {"widths"}
    assert {version.verdict for version in mine} <= {"ok", "duplicate", "screened"}
    assert report.best in archive and archive[mine[0].id[:8]].source == mine[0].source
    assert '"polite"' in (tmp_path / "run" / "archive" / mine[0].id / "card.json").read_text()
    assert f'"{__name__}:Widths"' in (tmp_path / "run" / "config.json").read_text()


@pytest.mark.slow
def test_names_of_modules_serve_as_well_as_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given_by_name.py").write_text(Path(__file__).read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    own = {"explorer": "given_by_name:Widths", "sandbox": "given_by_name:Polite"}
    by_name = autotts.discover(WORLD, generations=1, run="one", **own, **SMALL)
    by_name.result()
    again = autotts.discover(WORLD, generations=1, run="two", explorer=Widths(), sandbox=Polite(), **SMALL)
    again.result()
    assert [version.id for version in by_name.archive] == [version.id for version in again.archive]


@pytest.mark.slow
def test_a_closed_run_is_resumed(tmp_path: Path) -> None:
    home = tmp_path / "run"
    with autotts.discover(WORLD, generations=1, run=home, sandbox="process", **SMALL) as discovery:
        for event in discovery:
            if isinstance(event, autotts.CandidateEvaluated):
                break
    assert list(discovery) == []
    with pytest.raises(autotts.InputError, match=r"has no report; continue the run with autotts\.resume"):
        discovery.result()
    resumed = autotts.resume(home, workers=1)
    assert resumed.result().best in resumed.archive
    whole = autotts.discover(WORLD, generations=1, run=tmp_path / "whole", sandbox="process", **SMALL)
    whole.result()
    assert [v.id for v in whole.archive] == [v.id for v in resumed.archive]


@pytest.mark.slow
def test_an_error_of_an_explorer_reaches_the_reader(tmp_path: Path) -> None:
    class Broken(Widths):
        def propose(self, brief: Brief) -> list[Proposal]:
            raise RuntimeError("out of ideas")

    discovery = autotts.discover(WORLD, run=tmp_path / "run", explorer=Broken(), sandbox="process", **SMALL)
    with pytest.raises(RuntimeError, match="out of ideas") as caught:
        list(discovery)
    assert "autotts.resume" in caught.value.__notes__[-1]


@pytest.mark.slow
def test_a_person_may_approve_candidates(tmp_path: Path) -> None:
    asked: list[str] = []

    def none(candidates: list[dict[str, str]]) -> list[str]:
        asked.extend(candidate["source"] for candidate in candidates)
        return []

    discovery = autotts.discover(
        WORLD, generations=1, run=tmp_path / "run", explorer=Widths(), sandbox="process", approve=none, **SMALL
    )
    discovery.result()
    refused = [version for version in discovery.archive if version.generation == 1]
    assert len(asked) == len(refused) > 0 and {v.verdict for v in refused} == {"rejected: not approved"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"explorer": "nobody"}, "no explorer 'nobody'"),
        ({"explorer": Widths}, r"explorer is the class Widths, but must be an object: Widths\(\)"),
        ({"explorer": object()}, "object has no name, one_at_a_time"),
        ({"sandbox": "nowhere"}, "no sandbox 'nowhere'"),
        ({"sandbox": object()}, "object has no name, about"),
        ({"tracker": "nowhere"}, "no tracker 'nowhere'"),
        ({"generations": -1}, "generations is -1"),
        ({"islands": 9}, "9 islands are more than"),
        ({"orders": 0}, "setting orders: "),
        ({"without": ["nothing"]}, "setting ablations"),
        ({"workers": 0}, "workers is 0"),
        ({"env": "nowhere"}, "no environment 'nowhere'"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    given: dict[str, object] = {"env": WORLD, "sandbox": "process", **SMALL, **settings}
    with pytest.raises(autotts.InputError, match=message) as caught:
        autotts.discover(run=tmp_path / "run", **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_archive_becomes_a_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    autotts.discover(WORLD, generations=0, run=tmp_path / "run", sandbox="process", **SMALL).result()
    archive = autotts.open_archive(tmp_path / "run")
    table, curves = archive.to_dataframe(), archive.to_dataframe(curves=True)
    assert isinstance(table, pandas.DataFrame) and list(table["id"]) == [version.id for version in archive]
    assert len(curves) == 2 * len(archive) and (curves["accuracy_low"] <= curves["accuracy_high"]).all()


@pytest.mark.slow
def test_a_replay_measures_an_archive_elsewhere(tmp_path: Path) -> None:
    autotts.discover(WORLD, generations=1, run=tmp_path / "run", sandbox="process", **SMALL).result()
    settings = {"betas": [0.5], "orders": 1, "max_branches": 4, "sandbox": "process", "workers": 1}
    version = next(v.id for v in autotts.open_archive(tmp_path / "run") if v.generation)
    found = autotts.replay(tmp_path / "run", "synthetic/small", select=version, **settings)
    assert not found.failures and {row.point.environment for row in found.rows} == {"synthetic/small"}
    with pytest.raises(autotts.InputError, match="is not an archive"):
        autotts.replay(tmp_path / "nothing", "synthetic/small", **settings)


class Stateful(Widths):
    """An explorer with a setting of its own."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset


HELD = Stateful(5)
"""An object that a variable of its module holds."""


@pytest.mark.parametrize(
    ("explorer", "name", "by_name"),
    [
        (Widths(), "Widths", True), (Stateful(), "Stateful", True), (Stateful(3), "Stateful", False),
        (HELD, "HELD", True),
    ],
)  # fmt: skip
def test_an_explorer_survives_by_its_name_if_a_later_process_can_make_it(
    explorer: Explorer, name: str, by_name: bool, tmp_path: Path
) -> None:
    home = tmp_path / "run"
    autotts.discover(WORLD, run=home, explorer=explorer, sandbox="process", **SMALL).close()
    run = Run(home)
    assert (run.config.explorer, run.config.explorer_by_name) == (f"{__name__}:{name}", by_name)
    if by_name:
        autotts.resume(home).close()
        return
    with pytest.raises(autotts.InputError, match=r"pass it, autotts\.resume\('.*', explorer=\.\.\.\), or its place"):
        autotts.resume(home)
    autotts.resume(home, explorer=explorer).close()


def test_the_command_takes_an_explorer_that_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "moved_explorer.py").write_text(f"from {__name__} import Widths\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    autotts.discover(WORLD, run="run", explorer=Stateful(3), generations=0, sandbox="process", **SMALL).close()
    assert main(["resume", "run", "--workers", "1"]) == 2
    assert "autotts resume run --explorer package.module:object" in capsys.readouterr().err
    assert main(["resume", "run", "--explorer", "moved_explorer:Widths", "--workers", "1"]) == 0
    autotts.discover(WORLD, run="other", generations=0, sandbox="process", **SMALL).close()
    assert main(["resume", "other", "--explorer", "moved_explorer:Widths"]) == 2
    assert "was begun with evolve" in capsys.readouterr().err


@pytest.mark.slow
def test_python_starts_from_controllers_and_takes_more_generations(tmp_path: Path) -> None:
    home = tmp_path / "run"
    source = SOURCE.format(most=5)
    discovery = autotts.discover(
        WORLD, generations=1, run=home, start_from=[source, "shipped:frugal"], sandbox="process", **SMALL
    )
    discovery.result()
    given = [version for version in discovery.archive if version.explorer == "given"]
    assert {version.source for version in given} >= {source} and len(given) == 2
    again = autotts.resume(home, generations=2, workers=1)
    again.result()
    assert max(version.generation for version in again.archive) == 2
    with pytest.raises(autotts.InputError, match="it can take more, but not 1"):
        autotts.resume(home, generations=1)
    with pytest.raises(autotts.InputError, match=r"autotts resume .* --generations 3"):
        autotts.discover(
            WORLD, generations=3, run=home, start_from=[source, "shipped:frugal"], sandbox="process", **SMALL
        )


def test_a_module_that_has_moved_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "here_explorer.py").write_text(f"from {__name__} import Widths\n\n\nclass Here(Widths):\n    pass\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(first)
    autotts.discover(
        WORLD, run=tmp_path / "run", explorer="here_explorer:Here", generations=0, sandbox="process", **SMALL
    ).close()
    monkeypatch.delitem(sys.modules, "here_explorer")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(first)])
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "run", "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert "cannot import here_explorer" in said and "if it has moved: `autotts resume run --explorer NAME`" in said
