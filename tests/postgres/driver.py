"""Works on the run of the tests until it ends or is killed, as a process: `python -m tests.postgres.driver ADDRESS`."""

from __future__ import annotations

import sys
from pathlib import Path

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.archive.run_hold import working_on
from autotts.agent.archive.storage.addresses import located
from autotts.agent.archive.storage.stored_path import AnyPath
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import Event
from autotts.agent.reports.run_report.page import page
from autotts.sandbox.backends.process import ProcessSandbox

from ..agent.loop.test_graph import WORLD, Single


def begin(home: AnyPath, **settings: object) -> Run:
    """Begin the run of the tests, or open it."""
    config = {"explorer": "single", "generations": 2, "population": 3, "orders": 1, "betas": (0.0, 1.0), **settings}
    return Run.create(home, RunConfig(environments={WORLD.name: WORLD.hash}, **config), [WORLD])  # type: ignore[arg-type]


def contents(run: Run) -> dict[str, bytes]:
    """Return every file of the versions of a run, and its report."""
    storage = run.archive.storage
    files = [(version, name) for version in storage.folders() for name in storage.files(version)]
    found = {f"{version}/{name}": storage.read(f"{version}/{name}") for version, name in files}
    return found | {"report.json": (run.home / "report.json").read_bytes()}


def main() -> None:
    """Work on the run; each line of the output is an event."""

    def tell(event: Event) -> None:
        print(type(event).__name__, flush=True)

    home = located(sys.argv[1]) if "://" in sys.argv[1] else Path(sys.argv[1])
    with working_on(home):
        discover(Discovery(begin(home), Single(), ProcessSandbox(), tell, render=page))


if __name__ == "__main__":
    main()
