"""Compares two archives of the same settings and seed file by file: `python -m benchmarks.same_archive OLD NEW`.

The program's versions may write other keys. Cards are therefore compared as today's program reads them, without the
keys that only NEW has (they are listed), and texts after the words that changed (``seed 7`` of an episode is
``order 7`` since 0.2). Sources, logs and transcripts must be equal byte by byte. The exit code is 0 if nothing differs.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from autotts.agent.archive.archive import Archive
from autotts.agent.records.card import Card

SAME_BYTES = ("controller.py", "logs.npz", "transcript.txt.gz")


def differences(old: Path, new: Path) -> list[str]:
    """Return one line for each difference between two archives."""
    archives = Archive(old), Archive(new)
    ids = [set(archive.ids()) for archive in archives]
    found = [f"{version}: only in {'OLD' if version in ids[0] else 'NEW'}" for version in sorted(ids[0] ^ ids[1])]
    for version in sorted(ids[0] & ids[1]):
        for name in SAME_BYTES:
            one, two = (root / version / name for root in (old, new))
            if one.exists() != two.exists() or (one.exists() and one.read_bytes() != two.read_bytes()):
                found.append(f"{version}/{name}: other bytes")
        first, second = (_comparable(archive.card(version)) for archive in archives)
        raw = [json.loads((root / version / "card.json").read_bytes()) for root in (old, new)]
        keys = sorted(first.keys() - (raw[1].keys() - raw[0].keys()))
        found += [f"{version}/card.json: {key} differs" for key in keys if first[key] != second[key]]
    return found


def _comparable(card: Card) -> dict[str, object]:
    text = re.sub(r"(beta [\d.e+-]+), seed (\d+)", r"\1, order \2", card.model_dump_json(exclude={"schema_version"}))
    content: dict[str, object] = json.loads(text)
    return content


def renamed_keys(old: Path, new: Path) -> Counter[str]:
    """Count the keys that only one of two cards has, over all versions: ``-`` in the old one, ``+`` in the new one."""
    found: Counter[str] = Counter()
    for path in sorted(old.glob("*/card.json")):
        other = new / path.parent.name / "card.json"
        if other.exists():
            one, two = (_keys(json.loads(file.read_bytes())) for file in (path, other))
            found.update(f"- {key}" for key in one - two)
            found.update(f"+ {key}" for key in two - one)
    return found


def _keys(value: object, at: str = "") -> set[str]:
    if isinstance(value, dict):
        return {f"{at}.{k}".lstrip(".") for k in value} | {x for k, v in value.items() for x in _keys(v, f"{at}.{k}")}
    return {x for v in value for x in _keys(v, at)} if isinstance(value, list) else set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, metavar="OLD", help="a run directory")
    parser.add_argument("new", type=Path, metavar="NEW", help="a run directory")
    options = parser.parse_args()
    old, new = options.old / "archive", options.new / "archive"
    for key, count in sorted(renamed_keys(old, new).items()):
        print(f"{key}  ({count} cards)")
    found = differences(old, new)
    print("\n".join(found) or f"{len(Archive(new).ids())} versions: nothing differs but these keys")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
