"""Kills parts of a cluster while a discovery runs on it: `python -m benchmarks.cluster_kills`.

A run on three Ray nodes of this machine, with its archive in PostgreSQL where that is installed, loses nodes, workers,
its own process, its driver of Ray, and the database. Each loss is a `kill -9` of real processes. It comes when the run
has reached a drawn number of evaluated candidates, and so does not depend on the clock. A run that has lost its process
is begun again with the same command. At the end the archive must equal that of an undisturbed run in one process, bit
for bit, and `autotts run verify` must find nothing. The exit code is 0 if so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from autotts.agent.archive.archive import Archive
from tests.ray_nodes import RayNodes, ray_nodes

SMALL = (
    "--env", "synthetic/tiny", "--orders", "1", "--population", "6", "--islands", "2", "--sandbox", "process",
    "--interpreter", "cpython",
)  # fmt: skip


class DisturbedRun:
    """A discovery on a cluster, and the ways to disturb it.

    Args:
        run: the run: a directory, or an address.
        nodes: the cluster.
        settings: the options of the discovery.
        kill_database: kills the database and starts it again; None if there is none.
        log: where the process writes.
    """

    def __init__(
        self, run: str, nodes: RayNodes, settings: Sequence[str], kill_database: Callable[[], None] | None, log: Path
    ) -> None:
        self.run, self.nodes, self._settings, self._log = run, nodes, settings, log
        self.ways: dict[str, Callable[[], None]] = {
            "a node": nodes.replace_node,
            "workers": self._kill_workers,
            "the run's process": self._kill_process,
            "Ray's driver": self._kill_broker,
        }
        if kill_database is not None:
            self.ways["PostgreSQL"] = kill_database
        self._begin()

    def progress(self) -> int:
        """Return the number of candidates that have been evaluated."""
        return evaluated(self.run)

    def alive(self) -> bool:
        """Begin the run again if its process ended with an error; return False once it has succeeded."""
        code = self._process.poll()
        if code == 0:
            return False
        if code is not None:
            self._begin()
        return True

    def end(self) -> None:
        """Kill the run."""
        self._kill(self._process.pid)
        self._process.wait()

    def _begin(self) -> None:
        words = ["discover", "--run", self.run, *self._settings]
        words += ["--executor", "ray", "--ray-address", self.nodes.address, "--quiet"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command(*words), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _kill_workers(self) -> None:
        self.nodes.kill_workers()

    def _kill_process(self) -> None:
        self._kill(self._process.pid)
        self._process.wait()

    def _kill_broker(self) -> None:
        for child in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            for process in child.read_text().split():
                if b"cluster.broker" in Path(f"/proc/{process}/cmdline").read_bytes():
                    self._kill(int(process))

    def _kill(self, process: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def command(*words: str) -> list[str]:
    """Return the command line of `autotts`."""
    return [sys.executable, "-m", "autotts", *words]


def evaluated(run: str) -> int:
    """Return the number of candidates of a run that have been evaluated; 0 while it cannot be read."""
    from autotts.agent.archive.resolve import chosen_run
    from autotts.agent.records.events import CandidateEvaluated

    with suppress(Exception):
        return len({event.id for event in chosen_run(run).events_of(CandidateEvaluated)})
    return 0


def tree(archive: Archive) -> dict[str, str]:
    """Return the hash of every file of the versions of an archive."""
    found = {}
    for version in archive.ids():
        for path in (archive.root / version).iterdir():
            found[f"{version}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def disturb(run: DisturbedRun, moments: Sequence[tuple[int, str]], tell: Callable[[str], None]) -> Counter[str]:
    """Disturb a run at each moment, wait for its end, and return how often it was disturbed in each way.

    Args:
        run: the run.
        moments: the number of evaluated candidates at which to disturb it, and how; in ascending order.
        tell: called with a line for each.
    """
    done, waiting = Counter[str](), list(moments)
    while run.alive():
        if waiting and run.progress() >= waiting[0][0]:
            at, way = waiting.pop(0)
            run.ways[way]()
            done[way] += 1
            tell(f"kill {sum(done.values())}: {way}, after {at} candidates")
        time.sleep(0.05)
    return done


def drawn(kills: int, candidates: int, ways: Sequence[str], seed: int) -> list[tuple[int, str]]:
    """Return when to kill what: every way equally often, at drawn numbers of candidates."""
    chance = random.Random(seed)
    kinds = [ways[i % len(ways)] for i in range(kills)]
    chance.shuffle(kinds)
    return list(zip(sorted(chance.randrange(candidates - 1) for _ in range(kills)), kinds, strict=True))


@contextmanager
def database() -> Iterator[tuple[str, Callable[[], None]]]:
    """Start PostgreSQL; yield the address of a new database, and what kills the server and starts it again."""
    from tests.postgres.server import running_postgres

    with running_postgres() as server:

        def kill() -> None:
            server.kill()
            server.start()

        yield server.url(server.new_database()), kill


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--directory", action="store_true", help="keep the run in a directory, and not in PostgreSQL")
    options = parser.parse_args(words)
    settings = [*SMALL, "--generations", str(options.generations)]
    store = nullcontext(("", None)) if options.directory else database()
    with tempfile.TemporaryDirectory(prefix="autotts-kills-") as place, store as (url, kill):
        home = Path(place)
        whole = str(home / "whole")
        subprocess.run(command("discover", "--run", whole, "--workers", "1", "--quiet", *settings), check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        candidates = evaluated(whole)
        print(f"undisturbed: {candidates} candidates evaluated", flush=True)
        run = f"{url}/killed" if url else str(home / "killed")
        with ray_nodes(options.nodes) as nodes:
            killed = DisturbedRun(run, nodes, settings, kill, home / "log")
            try:
                moments = drawn(options.kills, candidates, list(killed.ways), options.seed)
                done = disturb(killed, moments, lambda line: print(line, flush=True))
            finally:
                killed.end()
        return report(whole, run, done, options.kills, home / "log")


def report(whole: str, run: str, done: Counter[str], kills: int, log: Path) -> int:
    """Compare the archives, verify the disturbed run, print both, and return the exit code."""
    from autotts.agent.archive.resolve import chosen_archive

    trees = [tree(chosen_archive(each, None)) for each in (whole, run)]
    verified = subprocess.run(command("run", "verify", run), stdout=subprocess.DEVNULL).returncode
    print(f"killed {sum(done.values())} times: {', '.join(f'{way} {n}' for way, n in sorted(done.items()))}")
    print(f"{len(trees[0])} files, archives {'equal' if trees[0] == trees[1] else 'DIFFER'}, verify {verified}")
    good = trees[0] == trees[1] and verified == 0 and sum(done.values()) == kills
    if not good:
        print(log.read_text(errors="replace")[-3000:])
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no node may stay behind
    sys.exit(main())
