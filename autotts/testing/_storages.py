"""The check of a storage: whole files, ordered logs, immutable folders, one holder; also when writers are killed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from autotts.agent.archive.layout import CARD, MANIFEST, SOURCE
from autotts.agent.archive.run_lock import RunIsLocked
from autotts.agent.archive.storage.protocol import ImmutableFolder, Storage
from autotts.agent.archive.storage.stored_path import StoredPath
from autotts.agent.archive.verify import check_folder
from autotts.agent.records.index_row import IndexRow
from autotts.agent.records.version import Cost, CurvePoint, ScalingCurve
from autotts.envs.errors import DamagedFile, InputError

from ._errors import ConformanceError, demand

Opened = Callable[[], Storage]
"""Opens the storage: a new object each time, of the same place. Other processes call it too, so it can be pickled."""
_WRITERS = 4
_LINES = 25
_NAMES = ("a.json", "é/ß 漢字 😀.txt", "calls/g001-propose-0 'x'.json", "calls/%s;--.json", "x/y/z.bin")
_BAD_NAMES = ("", ".", "..", "../a", "/a", "a//b", "a/", "a\0b", "x" * 256, "a\ud800")


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What a conforming storage did."""

    name: str
    checks: tuple[str, ...]
    """What was checked, in words."""
    seconds: float


def check_storage(
    opened: Opened, *, megabytes: int = 64, kills: int = 3, damage: Callable[[str], object] | None = None
) -> StorageReport:
    """Check a storage of runs and archives that is empty; files remain in it.

    Files are replaced whole; a log keeps the order of its writers; a folder appears whole, never changes, and of
    several writers of one folder one wins; a storage has one holder at a time, and a killed one frees it; killed
    writers leave nothing that is not whole; names in any script, and large files, come back byte for byte; a damaged
    file is found.

    Args:
        opened: opens the storage; a function or an object that `pickle` can name, for other processes open it too.
        megabytes: size of the largest file.
        kills: how many writers are killed with SIGKILL.
        damage: changes a byte of the file with a given name (``folder/file``) behind the storage's back; None leaves
            this check out.

    Raises:
        ConformanceError: it does not do one of these.
    """
    began = time.monotonic()
    demand(isinstance(opened(), Storage), f"{type(opened()).__name__} lacks methods of `Storage`")
    checks: dict[str, Callable[[], None]] = {
        "an empty storage": lambda: _check_empty(opened()),
        "files": lambda: _check_files(opened(), opened()),
        "names": lambda: _check_names(opened()),
        "logs": lambda: _check_logs(opened),
        "folders": lambda: _check_folders(opened(), opened()),
        "rows": lambda: _check_rows(opened()),
        "writers of one folder": lambda: _check_writers(opened),
        f"a file of {megabytes} MB": lambda: _check_sizes(opened(), megabytes << 20),
        "holders": lambda: _check_holders(opened),
        f"{kills} killed writers": lambda: _check_kills(opened, kills),
    }
    if damage is not None:
        checks["damage"] = lambda: _check_damage(opened, damage)
    for what, check in checks.items():
        try:
            check()
        except ConformanceError as error:
            raise ConformanceError(f"{opened().name}: {what}: {error}") from None
    return StorageReport(opened().name, tuple(checks), time.monotonic() - began)


def _check_empty(storage: Storage) -> None:
    demand(not storage.names() and not storage.folders(), "it is not empty: check a new one")
    demand(storage.stamp("a") is None and storage.read_from("a", 0) == b"", "it has a file that nobody has written")
    demand(not storage.has("v") and storage.files("v") == [], "it has a folder that nobody has added")
    demand(storage.holder() is None, "somebody holds it")
    _refused(FileNotFoundError, lambda: storage.read("a"), "reading a missing file")
    storage.remove("a")  # no error


def _check_files(storage: Storage, other: Storage) -> None:
    stamps = set()
    for data in (b"", b"first", bytes(range(256)) * 9, b"first"):
        storage.write("f/file.bin", data)
        demand(other.read("f/file.bin") == data, "another object of the same place reads something else")
        stamps.add(other.stamp("f/file.bin"))
    stamp = storage.stamp("f/file.bin")
    demand(len(stamps) == 4 and stamp is not None and stamp.size == 5, "the stamp does not follow the file")
    demand(other.exists() and storage.names() == ["f/file.bin"], "the file is not listed")
    found = list(storage.read_many(["f/file.bin", "f/none", "none/file.bin"]))
    demand(found == [("f/file.bin", b"first")], "`read_many` does not yield the files that are there")
    storage.remove("f/file.bin")
    demand(other.names() == [] and other.stamp("f/file.bin") is None, "a removed file is still there")


def _check_names(storage: Storage) -> None:
    for name in _NAMES:
        storage.write(name, name.encode())
    demand(storage.names() == sorted(_NAMES), "the names are not those that were written, sorted")
    demand(all(storage.read(name) == name.encode() for name in _NAMES), "a file has the content of another")
    demand(storage.names("calls") == sorted(name for name in _NAMES if name[:5] == "calls"), "names below a directory")
    demand(storage.names("call") == [] and storage.names("x/y") == ["x/y/z.bin"], "names below a part of a name")
    for name in _BAD_NAMES:
        _refused(InputError, lambda name=name: storage.write(name, b""), f"a file with the name {name[:20]!r}")  # type: ignore[misc]
    for name in _NAMES:
        storage.remove(name)
    demand(storage.names() == [], "removed files are still there")


def _check_logs(opened: Opened) -> None:
    def append(writer: int) -> None:
        storage = opened()
        for number in range(_LINES):
            storage.append("log.jsonl", f"{writer} {number} {'é' * (97 * writer)}\n".encode())

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(append, range(_WRITERS)))
    storage = opened()
    whole = storage.read("log.jsonl")
    lines = [line.split(" ") for line in whole.decode().splitlines()]
    demand(len(lines) == _WRITERS * _LINES, f"{len(lines)} lines, and {_WRITERS * _LINES} were appended")
    for writer in range(_WRITERS):
        mine = [int(number) for who, number, rest in lines if who == str(writer) and rest == "é" * (97 * writer)]
        demand(mine == list(range(_LINES)), "the lines of a writer are not whole and in their order")
    for start in (0, 1, len(whole) // 2, len(whole) - 1, len(whole), len(whole) + 9):
        demand(storage.read_from("log.jsonl", start) == whole[start:], f"the log from byte {start} on")
    stamp = storage.stamp("log.jsonl")
    storage.append("log.jsonl", b"more")
    demand(
        storage.stamp("log.jsonl") != stamp and storage.read("log.jsonl") == whole + b"more", "the log has not grown"
    )
    demand(storage.names() == ["log.jsonl"], "the log is not listed")
    storage.remove("log.jsonl")
    demand(storage.read_from("log.jsonl", 0) == b"", "a removed log is still there")


def _version(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of a folder with a manifest."""
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    return files | {MANIFEST: json.dumps(manifest, indent=1).encode()}


def _check_folders(storage: Storage, other: Storage) -> None:
    files = _version({SOURCE: "x = 'é'\n".encode(), CARD: b"{}", "empty": b""})
    demand(storage.add("v1", files) is True, "a new folder was not added")
    demand(other.add("v1", files) is False, "the same folder was added twice")
    demand(other.has("v1") and other.folders() == ["v1"] and other.files("v1") == sorted(files), "its files")
    demand(all(other.read(f"v1/{name}") == data for name, data in files.items()), "the content of a file of a folder")
    demand(other.stamp(f"v1/{SOURCE}") is not None and other.stamp("v1/none") is None, "stamps of files of a folder")
    demand(storage.names() == [], "the files of a folder are listed as files")
    _refused(ImmutableFolder, lambda: other.add("v1", _version({SOURCE: b""})), "another content of the same folder")
    _refused(ImmutableFolder, lambda: other.write(f"v1/{SOURCE}", b""), "a write into a folder")
    _refused(InputError, lambda: other.add("../v2", files), "a folder with a path")
    demand(all(storage.read(f"v1/{name}") == data for name, data in files.items()), "a folder has changed")


def _check_rows(storage: Storage) -> None:
    if (rows := storage.version_rows) is None:
        return
    before, last = rows.read()
    curve = ScalingCurve.of([CurvePoint(0.5, 100 / 3, 1234.5, 17.0)])
    cost, none = Cost(0.1, 1, 2, 3, 4), array("d")
    row = IndexRow("row", 3, "näme\0", "evolve", "", ("v1",), "ok", "ab", cost, curve, curve, none, 7)
    storage.add("row", _version({SOURCE: b"row"}), row)
    after, _ = rows.read(last)
    demand(after.ids == ["row"] and len(rows.read()[0]) == len(before) + 1, "the row of a version that was added")
    (found,) = after.rows()
    demand((found.mean_curve, found.parents, found.cost) == (curve, ("v1",), row.cost), "the content of a row")


def _check_writers(opened: Opened) -> None:
    truths = [_version({SOURCE: f"truth {each}".encode(), "filler": bytes(100_000)}) for each in range(2)]
    gate = threading.Barrier(_WRITERS)

    def add(writer: int) -> object:
        storage = opened()
        gate.wait()
        try:
            return storage.add("contended", truths[writer % 2])
        except ImmutableFolder:
            return None

    with ThreadPoolExecutor(_WRITERS) as pool:
        results = list(pool.map(add, range(_WRITERS)))
    demand(results.count(True) == 1, f"{results.count(True)} writers of one folder were told that theirs was added")
    winner = truths[results.index(True) % 2]
    answers = [results[writer] for writer in range(_WRITERS) if truths[writer % 2] != winner]
    demand(answers == [None] * len(answers), "a writer of another content was not told that it lost")
    storage = opened()
    demand({name: storage.read(f"contended/{name}") for name in winner} == winner, "the folder is not the winner's")


def _check_sizes(storage: Storage, size: int) -> None:
    data = hashlib.shake_256(b"logs").digest(min(size, 1 << 16)) * max(1, size >> 16)
    storage.add("large", _version({"logs.npz": data}))
    demand(storage.read("large/logs.npz") == data, "the file has changed")
    stamp = storage.stamp("large/logs.npz")
    demand(stamp is not None and stamp.size == len(data), "its size")


def _check_holders(opened: Opened) -> None:
    with _other_process(_tries, opened) as other:
        storage = opened()
        with storage.hold():
            holder = opened().holder()
            demand(holder is not None and holder.process == os.getpid(), "the holder is not named")
            _refused(RunIsLocked, lambda: _hold(opened()), "a second hold in this process")
            demand(_asked(other) == "refused", "another process holds it at the same time")
            storage.write("held", b"1")
        demand(opened().holder() is None, "it is still held")
        demand(_asked(other) == "held", "nobody holds it, and another process may not")


def _asked(other: Connection) -> object:
    """Return what another process says."""
    other.send("try")
    demand(other.poll(60), "another process does not answer")
    return other.recv()


def _hold(storage: Storage) -> None:
    with storage.hold():
        pass


def _check_kills(opened: Opened, kills: int) -> None:
    context = multiprocessing.get_context("spawn")
    for kill in range(kills):
        here, there = context.Pipe()
        process = context.Process(target=_writes, args=(opened, kill, there), daemon=True)
        process.start()
        there.close()
        for _ in range(1 + kill):
            demand(here.poll(60), "a writer does not get on")
            here.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        _check_whole(opened(), kill)
        with opened().hold():
            opened().sweep()
        _check_whole(opened(), kill)
        here.close()


def _check_whole(storage: Storage, kill: int) -> None:
    """Check that what killed writers have left is whole."""
    seen = [folder for folder in storage.folders() if folder.startswith("killed")]
    demand(bool(seen), "a folder is gone that a writer had added before it was killed")
    for folder in seen:
        files = {name: storage.read(f"{folder}/{name}") for name in storage.files(folder)}
        demand(files == _filled(folder), f"the folder {folder} of a killed writer is not whole")
    content = storage.read("killed.bin")
    demand(content == content[:1] * 300_000, "a file of a killed writer is not whole")
    lines = storage.read(f"killed-{kill}.log").splitlines(keepends=True)
    demand(lines == [b"%d %s\n" % (n, b"x" * 5000) for n in range(len(lines))], "a log of a killed writer is not whole")


def _filled(folder: str) -> dict[str, bytes]:
    return _version({f"part{number}": (folder + str(number)).encode() * 20_000 for number in range(4)})


def _writes(opened: Opened, kill: int, parent: Connection) -> None:
    """Write without an end, in another process, and tell the parent each time."""
    storage, number = opened(), 0
    with storage.hold():
        while True:
            storage.write("killed.bin", bytes([65 + number % 26]) * 300_000)
            storage.add(f"killed-{kill}-{number}", _filled(f"killed-{kill}-{number}"))
            storage.append(f"killed-{kill}.log", b"%d %s\n" % (number, b"x" * 5000))
            parent.send(number)
            number += 1


def _tries(opened: Opened, parent: Connection) -> None:
    """Try to hold the storage, in another process, each time that the parent asks."""
    with suppress(EOFError):
        while parent.recv():
            try:
                _hold(opened())
                parent.send("held")
            except RunIsLocked:
                parent.send("refused")


@contextmanager
def _other_process(work: Callable[[Opened, Connection], None], opened: Opened) -> Iterator[Connection]:
    """Run ``work`` in another process; it ends when the pipe to it is closed."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(opened, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join()


def _check_damage(opened: Opened, damage: Callable[[str], object]) -> None:
    storage = opened()
    storage.add("damaged", _version({SOURCE: b"x = 1\n", "logs.npz": bytes(1000)}))
    damage("damaged/logs.npz")
    problems = [line for line in check_folder(StoredPath(opened()) / "damaged") if "logs.npz" in line]
    demand(bool(problems), "nobody sees that a file is damaged")
    with suppress(DamagedFile):
        demand(opened().read("damaged/logs.npz") != bytes(1000), "the damage is not there")


def _refused(kind: type[Exception], act: Callable[[], object], what: str) -> None:
    """Demand that ``act`` raises an error of a kind."""
    try:
        act()
    except kind:
        return
    except Exception as error:
        raise ConformanceError(f"{what} raises {type(error).__name__}, not {kind.__name__}") from None
    raise ConformanceError(f"{what} is not refused")
