"""Submissions of an explorer, and the conditions for accepting one."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from autotts.envs.errors import InputError
from autotts.sandbox import policy

from ..records.explorer import Proposal
from ..records.version import Expectation
from ..records.workbench import Workbench
from .text import one_line, plain

LARGEST = 64 << 10
"""Largest source, in bytes."""
LONGEST = 4_000
"""Longest rationale, in characters."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted candidate, ready for evaluation on the whole search set."""

    source: str
    rationale: str
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()

    def proposal(self) -> Proposal:
        """Return the submission as a proposal, without its cost."""
        return Proposal(self.source, self.rationale, self.parents, expects=self.expects)


def accept(
    bench: Workbench, source: str, rationale: str, parents: Sequence[str], expects: Sequence[Expectation]
) -> Submission:
    """Check a submission, and return it.

    Raises:
        InputError: the submission is refused; the message says what to change.
    """
    if len(source.encode(errors="replace")) > LARGEST:
        raise InputError(f"the source has more than {LARGEST:,} bytes: make it simpler")
    rationale = plain(rationale.strip(), tabs=True)
    if not rationale:
        raise InputError("the rationale is empty: say what was changed, why, and what it should improve")
    if len(rationale) > LONGEST:
        raise InputError(f"the rationale has {len(rationale):,} characters; at most {LONGEST:,} are allowed")
    bench.check_parents(parents)
    refused = policy.check(source)
    if not refused.ok:
        raise InputError(f"{refused.kind}: {bench.sanitize(refused.message)}")
    check_contract(source)
    if missing := bench.describe_missing(source):
        raise InputError(f"rejected: needs: {missing}")
    if (twin := bench.describe_same_program(source)) is not None:
        raise InputError(f"{twin}; change what it does, not how it is written")
    return Submission(source, rationale, tuple(dict.fromkeys(parents)), tuple(dict.fromkeys(expects)))


def check_contract(source: str) -> None:
    """Check that the source defines exactly one `Controller` subclass with a method `solve`, by its syntax tree.

    The source must satisfy the policy (`sandbox.policy.check`).

    Raises:
        InputError: there is no such class, or there are several.
    """
    tree = policy.parse(source)
    base = {"Controller"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base |= {alias.asname for alias in node.names if alias.name == "Controller" and alias.asname}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {name: {_last_name(b) for b in node.bases} for name, node in classes.items()}
    subclasses: dict[str, ast.ClassDef] = {}
    for name, node in classes.items():  # a class is defined after its base classes
        if bases[name] & (base | subclasses.keys()):
            subclasses[name] = node
    leaves = [name for name in subclasses if not any(name in bases[other] for other in subclasses)]
    if len(leaves) != 1:
        raise InputError(f"contract: expected one subclass of Controller, found {len(leaves)}")
    methods = [line for node in subclasses.values() for line in node.body if isinstance(line, ast.FunctionDef)]
    if not any(method.name == "solve" for method in methods):
        raise InputError(f"contract: {one_line(leaves[0], 60)} has no method solve(self, question)")


def _last_name(node: ast.expr) -> str:
    """Return the name of a base class without its module."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
