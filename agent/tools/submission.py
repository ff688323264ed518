"""What an explorer hands in, and what has to be true of it before it counts."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from envs.errors import InputError
from sandbox import policy

from ..records.explorer import Proposal
from ..records.version import Expectation
from .text import one_line, plain
from .workbench import SearchWorkbench

LARGEST = 64 << 10
"""Bytes of source."""
LONGEST = 4_000
"""Characters of a rationale."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A candidate that may be tried on the whole search set."""

    source: str
    rationale: str
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()

    def proposal(self) -> Proposal:
        """Return it as an explorer's proposal, without what it has cost."""
        return Proposal(self.source, self.rationale, self.parents, expects=self.expects)


def accept(
    bench: SearchWorkbench, source: str, rationale: str, parents: Sequence[str], expects: Sequence[Expectation]
) -> Submission:
    """Return the submission.

    Raises:
        InputError: it cannot be accepted; the message says what to mend.
    """
    if len(source.encode(errors="replace")) > LARGEST:
        raise InputError(f"the source has more than {LARGEST:,} bytes: make it simpler")
    rationale = plain(rationale.strip(), tabs=True)
    if not rationale:
        raise InputError("the rationale is empty: say what was changed, why, and what it should improve")
    if len(rationale) > LONGEST:
        raise InputError(f"the rationale has {len(rationale):,} characters, of at most {LONGEST:,}")
    for parent in parents:
        if parent in bench.shelf.tries:
            raise InputError(f"parents: {parent} is a draft: name the versions that it comes from")
        if parent not in bench.shelf.cards:
            raise InputError(f"parents: no version {one_line(parent, 60)!r}; see list_versions")
    refused = policy.check(source)
    if not refused.ok:
        raise InputError(f"{refused.kind}: {bench.shelf.said(refused.message)}")
    check_contract(source)
    if (twin := bench.twin_of(source)) is not None:
        raise InputError(f"{twin}; change what it does, not how it is written")
    return Submission(source, rationale, tuple(dict.fromkeys(parents)), tuple(dict.fromkeys(expects)))


def check_contract(source: str) -> None:
    """Look for one `Controller` subclass with a `solve`, in the syntax tree; ``source`` must keep the policy.

    Raises:
        InputError: there is none, or there are several.
    """
    tree = policy.parse(source)
    base = {"Controller"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base |= {alias.asname for alias in node.names if alias.name == "Controller" and alias.asname}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {name: {_last_name(b) for b in node.bases} for name, node in classes.items()}
    found: dict[str, ast.ClassDef] = {}
    for name, node in classes.items():  # a class comes after those that it is made from
        if bases[name] & (base | found.keys()):
            found[name] = node
    leaves = [name for name in found if not any(name in bases[other] for other in found)]
    if len(leaves) != 1:
        raise InputError(f"contract: expected one subclass of Controller, found {len(leaves)}")
    if not any(isinstance(line, ast.FunctionDef) and line.name == "solve" for c in found.values() for line in c.body):
        raise InputError(f"contract: {one_line(leaves[0], 60)} has no method solve(self, question)")


def _last_name(node: ast.expr) -> str:
    """Return the name of a base class, whatever module it is reached through."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
