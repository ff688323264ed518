"""`autotts archive`: its hashes, its index, and versions to and from others."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..archive import resolve
from ..archive.archive import Archive
from ..archive.bundles.export import export as export_bundle
from ..archive.bundles.import_bundle import import_bundle
from ..archive.rebuild import rebuild


def verify(args: argparse.Namespace) -> int:
    """Check every hash of an archive; exit code 1 if something is wrong."""
    archive = resolve.chosen_archive(args.home, args.archive)
    problems = archive.verify()
    for problem in problems:
        print(problem)
    print(f"{archive.root}: {len(problems)} problems")
    return 1 if problems else 0


def reindex(args: argparse.Namespace) -> int:
    """Rebuild the index of an archive; in a run also what its versions did question by question, where that is lost."""
    if args.archive is None:
        found = rebuild(resolve.chosen_run(args.home))
        print(f"{found} versions had no figures by question" if found else "every version has its figures by question")
    archive = resolve.chosen_archive(args.home, args.archive)
    print(f"{archive.reindex()} versions in {archive.root / 'index.sqlite'}")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write versions as a bundle."""
    archive = resolve.chosen_archive(args.home, args.archive)
    ids = [archive.resolve(text) for text in args.ids]
    listing, digest = export_bundle(archive, ids, Path(args.output), args.ancestors)
    print(f"{args.output}: {len(listing.versions)} versions, {len(listing.asked)} of them asked for\nsha256 {digest}")
    return 0


def import_(args: argparse.Namespace) -> int:
    """Add the versions of a bundle to an archive."""
    archive = Archive(Path(args.archive))
    admitted = import_bundle(Path(args.file), archive, args.sha256)
    for version in admitted.added:
        print(f"added {version}")
    there = f", {len(admitted.known)} were there already" if admitted.known else ""
    print(f"{archive.root}: {len(admitted.added)} versions added{there}\nsha256 {admitted.sha256}")
    return 0
