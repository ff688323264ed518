"""Bundles: what goes out comes in, the same bytes every time; and nothing that is not one comes in."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.archive import Archive, pack_logs, sha256
from autotts.agent.archive.bundles import import_bundle as admitting
from autotts.agent.archive.bundles.bundle import LIST, BundleEntry, BundleListing
from autotts.agent.archive.bundles.export import export, packed
from autotts.agent.archive.bundles.import_bundle import import_bundle
from autotts.envs.episodes import Logs
from autotts.envs.errors import DamagedFile, InputError

from .test_archive import SOURCE, card

Files = dict[str, bytes]
LOGS = pack_logs(Logs(*(np.zeros(n, kind) for n, kind in ((1, "i4"), (2, "i8"), *([(0, "u1")] * 4)))))  # type: ignore[misc]


def archive(root: Path) -> Archive:
    """An archive of a seed, a child of it with all that a version may have, a grandchild, and a stranger."""
    made = Archive(root)
    made.add(card("seed").model_copy(update={"generation": 0}), SOURCE, None)
    made.add(card("g001-a", ("seed",)), SOURCE, LOGS, "a conversation")
    made.add(card("g002-b", ("g001-a",)).model_copy(update={"generation": 2}), SOURCE, LOGS)
    made.add(card("g001-x"), SOURCE, None)
    return made


def tree(root: Path) -> Files:
    files = (path for path in root.rglob("*") if path.is_file() and path.name not in ("index.sqlite", "origins.json"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    export(archive(tmp_path / "archive"), ["g002-b"], tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def test_imported_versions_equal_the_exported_ones_byte_for_byte(tmp_path: Path, bundle: Path) -> None:
    found = import_bundle(bundle, Archive(tmp_path / "new"))
    assert found.added == ("seed", "g001-a", "g002-b") and found.already_present == ()
    expected = {name: data for name, data in tree(tmp_path / "archive").items() if not name.startswith("g001-x")}
    assert tree(tmp_path / "new") == expected and Archive(tmp_path / "new").verify() == []
    assert [row.id for row in Archive(tmp_path / "new").index()] == ["seed", "g001-a", "g002-b"]
    again = import_bundle(bundle, Archive(tmp_path / "new"), found.sha256.upper())
    assert again.added == () and again.already_present == found.added
    _, digest = export(Archive(tmp_path / "new"), ["g002-b"], tmp_path / "again.zip")
    assert digest == found.sha256 and (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_export_without_ancestors_needs_an_archive_with_the_parents(tmp_path: Path) -> None:
    listing, _ = export(archive(tmp_path / "archive"), ["g002-b", "g002-b"], tmp_path / "one.zip", ancestors=False)
    assert listing.versions == ("g002-b",)
    with pytest.raises(InputError, match="parent 'g001-a'"):
        import_bundle(tmp_path / "one.zip", Archive(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    export(Archive(tmp_path / "archive"), ["g001-a"], tmp_path / "two.zip")
    import_bundle(tmp_path / "two.zip", Archive(tmp_path / "new"))
    assert import_bundle(tmp_path / "one.zip", Archive(tmp_path / "new")).added == ("g002-b",)


def test_damaged_versions_and_missing_ancestors_are_not_exported(tmp_path: Path) -> None:
    made = archive(tmp_path / "archive")
    made.add(card("g003-orphan", ("gone",)), SOURCE, None)
    with pytest.raises(InputError, match=r"gone.*--no-ancestors"):
        export(made, ["g003-orphan"], tmp_path / "b.zip")
    (tmp_path / "archive/g001-a/controller.py").write_text("changed")
    with pytest.raises(DamagedFile, match="g001-a"):
        export(made, ["g002-b"], tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_import_into_the_archive_of_a_run_is_an_error(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="belongs to a run"):
        import_bundle(bundle, Archive(tmp_path / "archive"))


def test_bundle_with_another_hash_than_cited_is_refused(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(InputError, match="not the one that was cited"):
        import_bundle(bundle, Archive(tmp_path / "new"), "0" * 64)


# What is no bundle


def contents(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(files: Files, versions: tuple[str, ...] | None = None, **changes: object) -> bytes:
    """A bundle whose list is true of whatever is in it."""
    files = {name: data for name, data in files.items() if name != LIST}
    known = dict.fromkeys(name.split("/")[1] for name in files if name.count("/") > 1)
    listing = BundleListing(
        format=1, asked=(), versions=versions or tuple(known),
        files={name: BundleEntry(sha256=sha256(data), size=len(data)) for name, data in files.items()},
    ).model_copy(update=changes)  # fmt: skip
    return packed({LIST: listing.model_dump_json().encode(), **files})


def with_manifest(files: Files, version: str, name: str, data: bytes) -> Files:
    """Put a file into a version whose own manifest knows it."""
    folder = f"versions/{version}/"
    files = files | {folder + name: data}
    names = sorted(n.removeprefix(folder) for n in files if n.startswith(folder) and not n.endswith("manifest.json"))
    manifest = json.dumps({n: sha256(files[folder + n]) for n in names}, indent=1)
    return files | {folder + "manifest.json": manifest.encode()}


def symlink(files: Files) -> bytes:
    buffer = io.BytesIO(listed(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo("versions/seed/link")
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def twice(files: Files) -> bytes:
    buffer = io.BytesIO(listed(files))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("versions/seed/controller.py", "other")
    return buffer.getvalue()


def deflated(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents_of(listed(files)).items():
            archive.writestr(name, data)
    return buffer.getvalue()


def contents_of(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def overlapping(files: Files) -> bytes:
    """A hundred entries that are all the same bytes of the file."""
    data = listed({**files, "versions/seed/big": b"\0" * 10_000})
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        big = archive.getinfo("versions/seed/big")
        for i in range(100):
            copy = zipfile.ZipInfo(f"versions/seed/big{i}")
            copy.header_offset, copy.CRC, copy.file_size, copy.compress_size = (
                big.header_offset, big.CRC, big.file_size, big.compress_size,
            )  # fmt: skip
            archive.filelist.append(copy)
            archive.NameToInfo[copy.filename] = copy
        archive._didModify = True  # type: ignore[attr-defined]
    return buffer.getvalue()


def bomb(files: Files) -> bytes:
    return listed(with_manifest(files, "g001-a", "transcript.txt.gz", gzip.compress(b"\0" * 3000)))


def log_bomb(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("answer.npy", b"\0" * 3000)
    return listed(with_manifest(files, "g001-a", "logs.npz", buffer.getvalue()))


def other_card(files: Files, **changes: object) -> bytes:
    data = card("g001-a", ("seed",)).model_copy(update=changes).model_dump_json().encode()
    return listed(with_manifest(files, "g001-a", "card.json", data))


HOSTILE: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "not a zip": ("not a whole zip", lambda files: b"nonsense" * 50),
    "empty": ("not a whole zip", lambda files: b""),
    "a zip of something else": ("no bundle.json", lambda files: packed({"a": b""})),
    "a list of junk": ("bundle.json", lambda files: packed({LIST: b"[" * 100_000})),
    "a later format": ("format 2", lambda files: listed(files, format=2)),
    "up and out": ("no place", lambda files: listed({**files, "versions/../evil": b""}, ("seed",))),
    "up and out in a version": ("no place", lambda files: listed({**files, "versions/seed/../../evil": b""})),
    "absolute": ("no place", lambda files: listed({**files, "/etc/evil": b""})),
    "with a backslash": ("no place", lambda files: listed({**files, "versions/seed/..\\evil": b""})),
    "hidden": ("no place", lambda files: listed({**files, "versions/.seed/card.json": b""}, ("seed",))),
    "an option": ("no place", lambda files: listed({**files, "versions/-rf/card.json": b""}, ("seed",))),
    "a name that an archive needs": ("no place", lambda f: listed({**f, "versions/replays/card.json": b""}, ("seed",))),
    "a symlink": ("plain file", symlink),
    "a directory": ("plain file", lambda files: listed({**files, "versions/seed/": b""})),
    "twice": ("twice", twice),
    "compressed": ("compressed", deflated),
    "overlapping": ("hold more", overlapping),
    "a wrong hash": ("hash", lambda f: packed(contents_of(listed(f)) | {"versions/seed/controller.py": b"other"})),
    "an extra file": ("not listed", lambda files: packed({**contents_of(listed(files)), "versions/seed/x": b""})),
    "a lost file": ("missing", lambda files: packed(dict(list(contents_of(listed(files)).items())[:-1]))),
    "a version of nothing": ("not those", lambda files: listed(files, ("seed", "g001-a", "g002-b", "g9"))),
    "a transcript that is a bomb": ("holds more", bomb),
    "logs that are a bomb": ("holds more", log_bomb),
    "logs of junk": ("damaged", lambda f: listed(with_manifest(f, "g001-a", "logs.npz", b"PK junk"))),
    "a huge card": ("larger", lambda f: listed(with_manifest(f, "g001-a", "card.json", b" " * 9000))),
    "a file that its version does not know": ("not in the manifest", lambda f: listed({**f, "versions/seed/x": b""})),
    "another's card": ("card of g9", lambda files: other_card(files, id="g9")),
    "a card of another source": ("another source", lambda files: other_card(files, source_sha256="0" * 64)),
    "a source that is no text": ("not text", lambda f: listed(with_manifest(
        with_manifest(f, "g001-a", "controller.py", b"\xff"), "g001-a", "card.json",
        card("g001-a", ("seed",)).model_copy(update={"source_sha256": sha256(b"\xff")}).model_dump_json().encode()))),
    "a lost parent": ("parent", lambda files: other_card(files, parents=("gone",))),
    "a parent elsewhere": ("parent", lambda files: other_card(files, parents=("../archive/seed",))),
    "its own parent": ("parent", lambda files: other_card(files, parents=("g001-a",))),
    "a child before its parent": ("parent", lambda files: listed(files, ("g002-b", "g001-a", "seed"))),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_invalid_bundles_are_refused(tmp_path: Path, bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "MOST_UNPACKED", 2000)
    monkeypatch.setattr(admitting, "MOST_TEXT", 8000)
    words, make = HOSTILE[name]
    bundle.write_bytes(make(contents(bundle)))
    before = tree(tmp_path)
    with pytest.raises(InputError, match=words) as refused:
        import_bundle(bundle, Archive(tmp_path / "new"))
    assert "nothing was imported" in str(refused.value)
    assert tree(tmp_path) == before and not (tmp_path / "new").exists()


def test_existing_id_with_other_content_is_refused(tmp_path: Path, bundle: Path) -> None:
    new = Archive(tmp_path / "new")
    new.add(card("g001-a").model_copy(update={"rationale": "another"}), SOURCE, None)
    before = tree(new.root)
    with pytest.raises(InputError, match=r"g001-a is in .* with other content"):
        import_bundle(bundle, new)
    assert tree(new.root) == before


def test_sizes_above_the_limits_are_refused(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "MOST_ENTRIES", 3)
    with pytest.raises(DamagedFile, match="more than a bundle"):
        import_bundle(bundle, Archive(tmp_path / "new"))
    monkeypatch.setattr(admitting, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="larger than a bundle"):
        import_bundle(bundle, Archive(tmp_path / "new"))


@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_bundle_with_any_changed_byte_is_refused(
    tmp_path_factory: pytest.TempPathFactory, at: float, flip: int, cut: bool
) -> None:
    home = tmp_path_factory.mktemp("flip")
    export(archive(home / "archive"), ["g002-b"], home / "bundle.zip")
    data = bytearray((home / "bundle.zip").read_bytes())
    place = int(at * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= flip
    (home / "bundle.zip").write_bytes(data)
    new = Archive(home / "new")
    try:
        import_bundle(home / "bundle.zip", new)
    except InputError:
        assert not new.root.exists()
    else:  # a bit that says nothing, such as an entry's time
        assert tree(new.root).items() <= tree(home / "archive").items()


@pytest.mark.parametrize("name", ["fsync", "rename", "mkdir", "replace"])
@pytest.mark.parametrize("at", range(0, 12, 2))
def test_full_disk_during_import_leaves_complete_versions_with_their_parents(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: int
) -> None:
    real, calls = getattr(os, name), 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls > at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, failing)
        with suppress(OSError):
            import_bundle(bundle, Archive(tmp_path / "new"))
    assert not list((tmp_path / "new").glob(".writing-*"))
    assert not (tmp_path / "new").exists() or Archive(tmp_path / "new").verify() == []
    import_bundle(bundle, Archive(tmp_path / "new"))
    assert Archive(tmp_path / "new").ids() == ["seed", "g001-a", "g002-b"]


def test_import_never_runs_a_source(tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    made = Archive(tmp_path / "archive")
    made.add(card().model_copy(update={"source_sha256": sha256(source.encode())}), source, None)
    export(made, ["g001-a"], tmp_path / "b.zip")
    import_bundle(tmp_path / "b.zip", Archive(tmp_path / "new"))
    assert not (tmp_path / "ran").exists() and Archive(tmp_path / "new").source("g001-a") == source
