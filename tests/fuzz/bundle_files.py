"""Fuzzes the import of bundles: every version is imported as a whole and in order, or nothing is."""

from __future__ import annotations

import json
import shutil
import zipfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from autotts.agent.archive.archive import Archive, pack_logs, sha256
from autotts.agent.archive.bundles.bundle import LIST
from autotts.agent.archive.bundles.export import export
from autotts.agent.archive.bundles.import_bundle import import_bundle
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.envs.episodes import Logs
from autotts.envs.errors import InputError

from .environment_files import home
from .mutation import Files, Raw, mutated_directory, mutated_file, mutated_files, mutated_json, unzipped, zipped

SOURCE = "from envs import Controller\n"


def card(name: str, parents: tuple[str, ...] = ()) -> Card:
    """Return the card of a version."""
    protocol = EvaluationProtocol(environments={"a/b": "0"}, betas=(0.5,), first_order=1000, orders=1, max_branches=4)
    return Card(
        id=name, name=name, generation=len(parents), explorer="evolve", parents=parents, sandbox="process",
        verdict="ok", source_sha256=sha256(SOURCE.encode()), protocol=protocol, rationale="because",
    )  # fmt: skip


@cache
def archive() -> Archive:
    """Return an archive of two versions, the second with all that a version may have."""
    made = Archive(home() / "archive")
    columns = [np.zeros(n, kind) for n, kind in ((1, "i4"), (2, "i8"), (0, "u1"), (0, "u2"), (0, "u2"), (0, "u2"))]
    made.add(card("seed"), SOURCE, None)
    made.add(card("g001-a", ("seed",)), SOURCE, pack_logs(Logs(*columns)), "a conversation")
    return made


def seeds() -> list[bytes]:
    """Return a bundle with ancestors, and two that need versions of the archive."""
    path = home() / "seed.zip"
    result = []
    for ids, ancestors in ((["g001-a"], True), (["seed"], False), (["g001-a"], False)):
        export(archive(), ids, path, ancestors)
        result.append(path.read_bytes())
    return result


def mutate(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change one file of the bundle, and make the hashes right in most cases; or change the zip itself."""
    files = unzipped(data)
    if not files or not chance.randrange(8):
        return change(data, chance)
    if not chance.randrange(8):
        return mutated_directory(data, chance)
    for _ in range(chance.choice((1, 1, 2))):
        versions = [name for name in files if name != LIST]
        if versions and chance.randrange(8):
            name = chance.choice(versions)
            files |= {name: mutated_file(name, files[name], chance, change)}
        else:
            files = mutated_files(files, chance, change) or files
    if chance.randrange(8):
        files = made_right(files, chance)
    return zipped(files, zipfile.ZIP_STORED if chance.randrange(20) else zipfile.ZIP_DEFLATED)


def made_right(files: Files, chance: Random) -> Files:
    """Return ``files`` with the hashes of every manifest and of the listing; and of the source in cards, usually."""
    files = dict(files)
    folders: dict[str, Files] = {}
    for name, data in files.items():
        folder, _, file = name.rpartition("/")
        if folder:
            folders.setdefault(folder, {})[file] = data
    for folder, content in folders.items():
        if "card.json" in content and "controller.py" in content and chance.randrange(4):
            content["card.json"] = files[f"{folder}/card.json"] = _with_source(content)
        manifest = {file: sha256(data) for file, data in sorted(content.items()) if file != "manifest.json"}
        if chance.randrange(8):
            files[f"{folder}/manifest.json"] = json.dumps(manifest, indent=1).encode()
    try:
        listing = json.loads(files[LIST])
        listing["files"] = {n: {"sha256": sha256(d), "size": len(d)} for n, d in files.items() if n != LIST}
        files[LIST] = json.dumps(listing).encode()
    except (KeyError, TypeError, ValueError, RecursionError):
        pass
    return (
        files if chance.randrange(20) or LIST not in files else files | {LIST: mutated_json(files[LIST], chance, _same)}
    )


def _with_source(content: Files) -> bytes:
    try:
        document = json.loads(content["card.json"])
        return json.dumps(document | {"source_sha256": sha256(content["controller.py"])}).encode()
    except (TypeError, ValueError, RecursionError):
        return content["card.json"]


def _same(data: bytes, chance: Random) -> bytes:
    return data


def _tree(root: Path) -> Files:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def run(data: bytes) -> bool:
    """Import a bundle into an archive of one version. Return whether it was accepted."""
    path, root = home() / "fuzzed.zip", home() / "new" / "archive"
    shutil.rmtree(root.parent, ignore_errors=True)
    shutil.copytree(archive().root / "seed", root / "seed")
    path.write_bytes(data)
    before = _tree(root.parent)
    target = Archive(root)
    try:
        imported = import_bundle(path, target)
    except InputError as error:
        assert "\n" not in str(error), error
        assert _tree(root.parent) == before, "a bundle was refused, but something has changed"
        return False
    fresh = Archive(root)
    assert {*imported.added, *imported.already_present} <= {*fresh.ids()} and fresh.verify() == [], fresh.verify()
    assert {path.name for path in root.parent.iterdir()} == {"archive"}
    for version in fresh.ids():
        _read(fresh, version)
    assert len(fresh.index()) == len(fresh.ids())
    return True


def _read(fresh: Archive, version: str) -> None:
    """Read all parts of a version; those that are damaged say so."""
    fresh.card(version)
    for part in (fresh.source, fresh.logs, fresh.transcript):
        try:
            part(version)
        except InputError:
            continue
