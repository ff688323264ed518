"""`autotts archive`: verifies, indexes, exports and imports an archive."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.counting import counted
from autotts.envs.plain_text import plain

from . import copy_archive
from . import json_output as json_writer
from .options import OUTPUT, VERSIONS, Commands, add_command, add_group, data_root, json_output, run_or_archive

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..archive.archive import Archive
    from ..archive.origins import RescoredArchive
    from ..archive.run_directory import Run
    from ..archive.storage.stored_path import AnyPath
    from ..diagnosis.rescoring import EnvironmentFinder
    from ..reports.console.bars import ProgressBars


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = add_group(commands, "archive", "list archives; verify, reindex, copy, export or import one")
    command = add_command(
        verbs, "list", list_, "list the archives that ship, and those of the runs here", "autotts archive list"
    )
    json_output(command)
    command = add_command(verbs, "verify", verify, "check every hash of an archive", "autotts archive verify runs/1")
    run_or_archive(command, argument=True)
    command.group(VERSIONS).add_argument(
        "--rescore", action="store_true", help="also score all action logs again, and compare every figure"
    )
    data_root(command)
    json_output(command)
    command = add_command(
        verbs, "reindex", reindex, "rebuild the index from the folders of the versions",
        "autotts archive reindex runs/1",
    )  # fmt: skip
    run_or_archive(command, argument=True)
    copy_archive.add_verb(verbs)
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
    data_root(command)


NOT_AUDITED = "not audited here"
"""Logs show actions and costs; only a run with the audit shows that a controller does not look ahead."""


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
    """Check every file of an archive; return exit code 1 if one is wrong."""
    from ..archive import resolve
    from ..archive.archive import Archive
    from ..archive.origins import ADVICE, RescoredArchive
    from ..records.card import CLAIMED
    from ..reports.console.bars import ProgressBars

    archive = resolve.chosen_archive(args.run, args.archive)
    with ProgressBars() as bars:
        problems = archive.verify(lambda folders: bars.over("verify", folders))
        found = RescoredArchive((), {}, {})
        if args.rescore:
            with _only_process(archive):  # what is right is recorded
                found = _rescored(archive, args.data, bars)
    problems = [*problems, *(f"{version}: {what}" for version, what in found.differences.items())]
    for problem in problems:
        print(plain(problem))
    for version, reason in found.unchecked.items():
        print(plain(f"{version}: not scored again: {reason}"))
    if args.rescore:
        print(f"{counted(len(found.rescored), 'version')} scored again here: figures as on the cards ({NOT_AUDITED})")
    claimed = [card.id for card in Archive(archive.root).cards() if card.verdict == CLAIMED]
    if claimed:
        print(f"{counted(len(claimed), 'imported version')} with figures that are only claimed; {ADVICE}")
    print(f"{archive.root}: {len(problems)} problems")
    json_writer.write(args, lambda: _verify_document(archive.root, problems, found, claimed))
    return 1 if problems else 0


def _rescored(archive: Archive, data: str | None, bars: ProgressBars) -> RescoredArchive:
    """Score all versions again, and record the imported ones whose figures are right."""
    from ..diagnosis.rescoring import VersionRescorer, rescore_archive

    rescorer = VersionRescorer(_finder(archive.root, data))
    return rescore_archive(archive, rescorer, lambda ids: bars.over("score", ids))


def _finder(root: AnyPath, data: str | None) -> EnvironmentFinder:
    """Return how to find environments: in the archive's run, under the data root, and among the built-in ones."""
    from autotts.envs import catalogue

    from ..archive.archive import Archive
    from ..archive.names import run_of
    from ..archive.reader import ArchiveReader

    return ArchiveReader(root, run_of(Archive(root)), catalogue.data_root(data)).environments


def _verify_document(
    root: AnyPath, problems: Sequence[str], found: RescoredArchive, claimed: Sequence[str]
) -> BaseModel:
    from .json_documents import ArchiveVerifyDocument

    return ArchiveVerifyDocument(
        archive=str(root), problems=tuple(problems), rescored=found.rescored, unchecked=found.unchecked,
        claimed=tuple(claimed),
    )  # fmt: skip


def reindex(args: argparse.Namespace) -> int:
    """Rebuild the index of an archive; in a run, also rebuild lost figures by question and the page of the report."""
    from ..archive import resolve
    from ..archive.names import run_of
    from ..archive.rebuild import rebuild
    from ..reports.console.bars import ProgressBars

    archive = resolve.chosen_archive(args.run, args.archive)
    run = run_of(archive)
    with _only_process(archive):
        if run is not None:
            with ProgressBars() as bars:
                found = rebuild(run, lambda cards: bars.over("figures by question", cards))
            lacked = f"{counted(found, 'version')} had no figures by question"
            print(lacked if found else "every version has its figures by question")
        print(f"{counted(archive.reindex(), 'version')} in {archive.derived / 'index.sqlite'}")
        if run is not None and _report_page(run):
            print(f"made {run.home / 'report.md'} anew")
    return 0


def _only_process(archive: Archive) -> AbstractContextManager[None]:
    """Return the lock of an archive, or of its run; a shipped archive is never written to, and needs none."""
    from ..archive.names import run_of
    from ..archive.run_hold import working_on

    run = run_of(archive)
    return nullcontext() if archive.derived != archive.root else working_on(run.home if run else archive.root)


def _report_page(run: Run) -> bool:
    """Write the page of a finished run's report again if it is missing or damaged, and return whether it was."""
    from autotts.envs.errors import DamagedFile
    from autotts.envs.seals import read_sealed, write_sealed

    from ..archive.run_report import TEXT, read_report
    from ..reports.run_report.page import page

    report, path = read_report(run), run.home / TEXT
    if report is None:
        return False
    with suppress(FileNotFoundError, DamagedFile):
        read_sealed(path)
        return False
    write_sealed(path, page(run, report, run.archive.cards_with_beliefs()).encode())
    return True


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
    from ..archive.storage.addresses import located
    from ..diagnosis.rescoring import VersionRescorer
    from ..reports.console.bars import ProgressBars

    ships = args.archive.startswith(PREFIX)
    archive = chosen_archive(None, args.archive) if ships else Archive(located(args.archive, "archive"))
    with ProgressBars() as bars, _only_process(archive):
        rescorer = VersionRescorer(_finder(archive.root, args.data))
        admitted = import_bundle(Path(args.file), archive, args.sha256, lambda new: bars.over("import", new), rescorer)
    for version in admitted.added:
        reason = admitted.claimed.get(version)
        state = f"scored again here, {NOT_AUDITED}" if reason is None else f"its figures are claims: {reason}"
        print(plain(f"added {version}: {state}"))
    present = f", {len(admitted.already_present)} were there already" if admitted.already_present else ""
    print(f"{archive.root}: {counted(len(admitted.added), 'version')} added{present}\nsha256 {admitted.sha256}")
    return 0
