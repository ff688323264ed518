"""What a language model is told when it is asked for a proposal: the system prompt, and the task.

The texts lie beside this file; their version, a hash of all that goes into them, is in the card of what it wrote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ...archive.run_directory import Ablation
from ...llm.session import Prompt
from ...records.explorer import Brief
from ...records.version import CurvePoint, Version
from ...tools.text import evenly_spread, one_line

HOME = Path(__file__).parent
_FILES = ("system.md", "aim.md", "aim_without_beta.md", "propose.md", "refine.md", "workspace/CONTRACT.md")
_EXAMPLE = re.compile(r"```python\n.*?```\n\n", re.DOTALL)
_SOURCE = 10_000
"""Characters of the parent's source that are told at once; the rest is a tool call away."""
_LESSONS = 3
_CURVE = 6
_FRONT = 5
"""Of the best versions, as many are told of at once: the others are a tool call away."""
_FINDINGS = 3


def _text(name: str) -> str:
    return (HOME / name).read_text(encoding="utf-8")


def version() -> str:
    """Return the version of the prompts: it changes with every word of them."""
    return f"tools-{hashlib.sha256(chr(0).join(map(_text, _FILES)).encode()).hexdigest()[:8]}"


def opening(ablations: Sequence[Ablation] = ()) -> str:
    """Return the system prompt: the same for all conversations of a run.

    The contract is without its example: the first message has a whole controller.
    """
    aim = _text("aim_without_beta.md" if "beta" in ablations else "aim.md")
    return Template(_text("system.md")).substitute(aim=aim.strip()) + _EXAMPLE.sub("", _text("workspace/CONTRACT.md"))


def prompt(brief: Brief, step: str, ablations: Sequence[Ablation] = ()) -> Prompt:
    """Return what a conversation about ``brief`` begins with. The system prompt is the same for all of a run.

    Args:
        brief: the task.
        step: "propose" or "refine".
        ablations: ideas that are left out in this run.
    """
    told = [_standing(brief), _front(brief.front), *map(_parent, brief.parents[:2])]
    if step == "propose":
        told.append(_mates(brief))
    if "history" not in ablations:
        told.append(_lessons(brief))
    first = Template(_text(f"{step}.md")).substitute(
        generation=brief.generation, slot=brief.slot + 1, told="\n\n".join(part for part in told if part)
    )
    return Prompt(opening(ablations), first, version())


def _standing(brief: Brief) -> str:
    return brief.bench.standing() if brief.bench is not None else ""


def _front(front: Sequence[Version]) -> str:
    """Return the best versions, from frugal to accurate, or some spread over them: three points of each curve."""
    chosen = [front[i] for i in evenly_spread(len(front), _FRONT)]
    lines = [f"  {version.id}: {_points(version.curve)}" for version in chosen]
    more = f"; {len(chosen)} of {len(front)}, the others have * in list_versions" if len(chosen) < len(front) else ""
    return "\n".join([f"The front, from frugal to accurate (accuracy % @ thousand tokens{more}):", *lines])


def _mates(brief: Brief) -> str:
    """Return whom the parent may be joined with, where islands make that others than the best of all."""
    here = [version.id for version in brief.mates]
    if not here or set(here) == {version.id for version in brief.front}:
        return ""
    return f"It lives among {', '.join(here)}, bred apart from the others: join it with one of these, if with any."


def _points(curve: Sequence[CurvePoint]) -> str:
    ordered = sorted(curve, key=lambda point: point.tokens)
    return " ".join(
        f"{ordered[i].accuracy:.1f}@{ordered[i].tokens / 1000:,.1f}" for i in evenly_spread(len(ordered), 3)
    )


def _parent(version: Version) -> str:
    """Return all that is told of the controller to build on."""
    shown = (version.curve[i] for i in evenly_spread(len(version.curve), _CURVE))
    curve = " ".join(f"b{p.beta:g}: {p.accuracy:.1f}@{p.tokens / 1000:,.1f}" for p in shown)
    parts = [f"The controller to build on is **{version.id}**.", version.rationale and one_line(version.rationale, 600)]
    parts += [version.outcome and f"What came of it: {one_line(version.outcome, 400)}", f"Its curve: {curve}"]
    if version.findings:
        found = "\n".join(
            f"  {finding.kind}: {one_line(finding.message, 200)}" for finding in version.findings[:_FINDINGS]
        )
        parts.append(f"Its findings, the most important first:\n{found}")
    cut = "" if len(version.source) <= _SOURCE else f"\n(cut; read_source {version.id} has the rest)"
    parts.append(f"Its source:\n```python\n{version.source[:_SOURCE].rstrip()}{cut}\n```")
    return "\n".join(part for part in parts if part)


def _lessons(brief: Brief) -> str:
    """Return what earlier predictions came to."""
    lines = [f"  {told.id}: {one_line(told.outcome, 160)}" for told in brief.lessons[:_LESSONS]]
    return "\n".join(["What came of the latest predictions, on the whole search set:", *lines]) if lines else ""
