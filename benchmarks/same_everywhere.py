"""Runs one discovery in many ways, and compares the archives byte by byte: `python -m benchmarks.same_everywhere`.

The ways: one worker, two workers, a Ray cluster of three nodes on this machine, and each again under PyPy where it has
been built (`autotts sandbox build --interpreter pypy`). The exit code is 0 if all archives are equal.
A card names the interpreter, so cards are compared without that key, and manifests, which hold the hashes of cards, are
left out. `benchmarks.same_archive` compares archives of two versions of the program.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autotts.agent.archive.archive import Archive
from autotts.sandbox.backends.root import has_pypy
from benchmarks.cluster_kills import command, tree
from tests.ray_nodes import ray_nodes

SETTINGS = ("--orders", "1", "--islands", "2", "--quiet")


@contextmanager
def ways(sandbox: str, nodes: int) -> Iterator[dict[str, list[str]]]:
    """Yield the options of each way by its name, while a cluster runs."""
    interpreters = ["cpython", *(["pypy"] if has_pypy() else [])]
    with ray_nodes(nodes) as cluster:
        machines = {
            "1 worker": ["--workers", "1"],
            "2 workers": ["--workers", "2"],
            f"Ray, {nodes} nodes": ["--executor", "ray", "--ray-address", cluster.address],
        }
        yield {
            f"{machine}, {interpreter}": [*options, "--sandbox", sandbox, "--interpreter", interpreter]
            for machine, options in machines.items()
            for interpreter in interpreters
        }


def without_interpreter(archive: Archive) -> dict[str, str]:
    """Return the hash of every file of an archive, and the card of each version as text, without its interpreter."""
    other = ("card.json", "manifest.json")
    found = {name: digest for name, digest in tree(archive).items() if not name.endswith(other)}
    for version in archive.ids():
        found[f"{version}/card.json"] = archive.card(version).model_dump_json(exclude={"interpreter"})
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--env", nargs="+", default=["synthetic/tiny"])
    parser.add_argument("--generations", default="2")
    parser.add_argument("--population", default="4")
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--nodes", type=int, default=3)
    options = parser.parse_args(words)
    settings = ["--env", *options.env, *SETTINGS, "--generations", options.generations]
    settings += ["--population", options.population]
    trees: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as place, ways(options.sandbox, options.nodes) as found:
        for number, (name, way) in enumerate(found.items()):
            home, began = Path(place, str(number)), time.monotonic()
            subprocess.run(command("discover", "--run", str(home), *settings, *way), check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
            trees[name] = without_interpreter(Archive(home / "archive"))
            first = next(iter(trees.values()))
            state = "equal" if trees[name] == first else "DIFFERS"
            print(f"{name:24} {len(trees[name])} files, {state}, {time.monotonic() - began:.0f} s", flush=True)
    return 0 if all(each == next(iter(trees.values())) for each in trees.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
