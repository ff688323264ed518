"""`autotts archive`: verifies, indexes, exports and imports an archive."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.counting import counted

from . import json_output as json_writer
from .options import OUTPUT, VERSIONS, Commands, add_command, add_group, json_output, run_or_archive

if TYPE_CHECKING:
    from pydantic import BaseModel


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = add_group(commands, "archive", "list archives; verify, reindex, export or import one")
    command = add_command(
        verbs, "list", list_, "list the archives that ship, and those of the runs here", "autotts archive list"
    )
    json_output(command)
    command = add_command(
        verbs, "verify", verify, "check every hash of an archive", "autotts archive verify runs/1"
    )
    run_or_archive(command, argument=True)
    json_output(command)
    command = add_command(
        verbs, "reindex", reindex, "rebuild the index from the folders of the versions",
        "autotts archive reindex runs/1",
    )  # fmt: skip
    run_or_archive(command, argument=True)
    command = add_command(
        verbs, "export", export, "write versions and their ancestors as one file, to share them",
        "autotts archive export g007-eefc52e2 --run runs/1 -o bundle.zip",
    )  # fmt: skip
    command.add_argument("ids", nargs="+", metavar="ID", help="versions to export")
    command.group(OUTPUT).add_argument(
        "-o", "--output", required=True, metavar="FILE", help="bundle to write, such as bundle.zip"
    )
    command.group(VERSIONS).add_argument(
        "--no-ancestors", dest="ancestors", action="store_false", help="export the named versions only"
    )
    run_or_archive(command)
    command = add_command(
        verbs, "import", import_, "add the versions of a bundle; this runs none of their code",
        "autotts archive import bundle.zip --archive shared",
    )  # fmt: skip
    command.add_argument("file", metavar="BUNDLE", help="file that `archive export` wrote")
    command.group(VERSIONS).add_argument(
        "--archive", required=True, metavar="DIR", help="archive to extend or to create, outside a run directory"
    )
    command.group(VERSIONS).add_argument("--sha256", metavar="HASH", help="expected hash of the bundle")


def list_(args: argparse.Namespace) -> int:
    """List the archives that ship with the program, with their champions, and the archives of the runs here."""
    from rich.table import Table

    from ..archive.archive import Archive
    from ..archive.names import RUNS, champions_of
    from ..archive.shipped import PREFIX, shipped_archives, shipped_root
    from ..reports.console.terminal import console

    found: list[tuple[str, int, dict[str, str]]] = []
    for name in shipped_archives():
        archive = Archive(shipped_root(name))
        named = {f"{PREFIX}{each}": version for each, version in champions_of(archive).items()}
        found.append((name, len(archive.ids()), named))
    for home in sorted(path.parent for path in RUNS.glob("*/config.json")):
        archive = Archive(home / "archive")
        named = {f"{home}:{role}": version for role, version in champions_of(archive).items()}
        found.append((str(archive.root), len(archive.ids()), named))
    json_writer.write(args, lambda: _list_document(found))
    table = Table("archive", "versions", "champions")
    for name, versions, named in found:
        table.add_row(name, str(versions), ", ".join(map(" ".join, named.items())) or "-")
    console().print(table)
    return 0


def _list_document(found: Sequence[tuple[str, int, dict[str, str]]]) -> BaseModel:
    from .json_documents import ArchiveListDocument
    from .json_rows import ArchiveRow

    rows = [ArchiveRow(archive=name, versions=versions, champions=named) for name, versions, named in found]
    return ArchiveListDocument(rows)


def verify(args: argparse.Namespace) -> int:
    """Check every hash of an archive; return exit code 1 if a file is wrong."""
    from ..archive import resolve
    from ..reports.console.bars import ProgressBars

    archive = resolve.chosen_archive(args.run, args.archive)
    with ProgressBars() as bars:
        problems = archive.verify(lambda folders: bars.over("verify", folders))
    for problem in problems:
        print(problem)
    print(f"{archive.root}: {len(problems)} problems")
    json_writer.write(args, lambda: _verify_document(archive.root, problems))
    return 1 if problems else 0


def _verify_document(root: Path, problems: Sequence[str]) -> BaseModel:
    from .json_documents import ArchiveVerifyDocument

    return ArchiveVerifyDocument(archive=str(root), problems=tuple(problems))


def reindex(args: argparse.Namespace) -> int:
    """Rebuild the index of an archive; in a run, also rebuild the lost figures by question."""
    from ..archive import resolve
    from ..archive.rebuild import rebuild
    from ..reports.console.bars import ProgressBars

    if args.archive is None:
        with ProgressBars() as bars:
            found = rebuild(resolve.chosen_run(args.run), lambda cards: bars.over("figures by question", cards))
        lacked = f"{counted(found, 'version')} had no figures by question"
        print(lacked if found else "every version has its figures by question")
    archive = resolve.chosen_archive(args.run, args.archive)
    print(f"{counted(archive.reindex(), 'version')} in {archive.derived / 'index.sqlite'}")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write versions as a bundle."""
    from ..archive import resolve
    from ..archive.bundles.export import export as export_bundle
    from ..archive.names import version_in
    from ..reports.console.bars import ProgressBars

    archive = resolve.chosen_archive(args.run, args.archive)
    ids = [version_in(archive, text) for text in args.ids]
    with ProgressBars() as bars:
        listing, digest = export_bundle(
            archive, ids, Path(args.output), args.ancestors, lambda found: bars.over("export", found)
        )
    size = f"{counted(len(listing.versions), 'version')}, {len(listing.asked)} of them asked for"
    print(f"{args.output}: {size}\nsha256 {digest}")
    return 0


def import_(args: argparse.Namespace) -> int:
    """Add the versions of a bundle to an archive."""
    from ..archive.archive import Archive
    from ..archive.bundles.import_bundle import import_bundle
    from ..archive.names import chosen_archive
    from ..archive.shipped import PREFIX
    from ..reports.console.bars import ProgressBars

    archive = chosen_archive(None, args.archive) if args.archive.startswith(PREFIX) else Archive(Path(args.archive))
    with ProgressBars() as bars:
        admitted = import_bundle(Path(args.file), archive, args.sha256, lambda new: bars.over("import", new))
    for version in admitted.added:
        print(f"added {version}")
    present = f", {len(admitted.already_present)} were there already" if admitted.already_present else ""
    print(f"{archive.root}: {counted(len(admitted.added), 'version')} added{present}\nsha256 {admitted.sha256}")
    return 0
