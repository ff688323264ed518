"""The system prompt and the first message for a language model that is asked for a proposal.

The texts are files in this package. Their version, a hash of all of them, is stored in the card of each proposal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ...archive.run_directory import Ablation
from ...llm.session import ConversationPrompt
from ...records.explorer import Brief
from ...records.version import BriefVersion, CurvePoint
from ...tools.text import evenly_spread, one_line

HOME = Path(__file__).parent
_FILES = ("system.md", "aim.md", "aim_without_beta.md", "propose.md", "refine.md", "workspace/CONTRACT.md")
_EXAMPLE = re.compile(r"```python\n.*?```\n\n", re.DOTALL)
_SOURCE = 10_000
"""Characters of the parent's source in the first message; the model can read the rest with a tool."""
_LESSONS = 3
_CURVE = 6
_FRONT = 5
"""Best versions in the first message; the model can list the others with a tool."""
_FINDINGS = 3


def _text(name: str) -> str:
    return (HOME / name).read_text(encoding="utf-8")


def version(parts: str = "") -> str:
    """Return the version of the prompts, which changes with every change of a text.

    Args:
        parts: the text on what the run's environments have beyond answers.
    """
    texts = [*map(_text, _FILES), *([parts] if parts else [])]
    return f"tools-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:8]}"


def opening(ablations: Sequence[Ablation] = (), parts: str = "") -> str:
    """Return the system prompt, which is the same for all conversations of a run.

    The contract comes without its example, because the first message shows a whole controller.

    Args:
        ablations: ideas that the run leaves out.
        parts: the text on what the run's environments have beyond answers, which extends the contract.
    """
    aim = _text("aim_without_beta.md" if "beta" in ablations else "aim.md")
    contract = _EXAMPLE.sub("", _text("workspace/CONTRACT.md"))
    return Template(_text("system.md")).substitute(aim=aim.strip()) + contract + (f"\n{parts}\n" if parts else "")


def prompt(brief: Brief, step: str, ablations: Sequence[Ablation] = ()) -> ConversationPrompt:
    """Return the beginning of a conversation about ``brief``.

    Args:
        brief: the task.
        step: "propose" or "refine".
        ablations: ideas that this run leaves out.
    """
    context = [_progress(brief), _front(brief.front), *map(_parent, brief.parents[:2])]
    if step == "propose":
        context.append(_mates(brief))
    if "history" not in ablations:
        context.append(_lessons(brief))
    first = Template(_text(f"{step}.md")).substitute(
        generation=brief.generation, slot=brief.slot + 1, context="\n\n".join(part for part in context if part)
    )
    parts = brief.bench.describe_parts() if brief.bench is not None else ""
    return ConversationPrompt(opening(ablations, parts), first, version(parts))


def _progress(brief: Brief) -> str:
    return brief.bench.describe_progress() if brief.bench is not None else ""


def _front(front: Sequence[BriefVersion]) -> str:
    """Describe some of the best versions, from frugal to accurate, with three points of each curve."""
    chosen = [front[i] for i in evenly_spread(len(front), _FRONT)]
    lines = [f"  {version.id}: {_points(version.curve)}" for version in chosen]
    more = f"; {len(chosen)} of {len(front)}, the others have * in list_versions" if len(chosen) < len(front) else ""
    head = f"The Pareto front, from frugal to accurate (45.2@3.1: 45.2% right at 3,100 tokens per question{more}):"
    return "\n".join([head, *lines])


def _mates(brief: Brief) -> str:
    """Name the versions to recombine the parent with, if islands restrict them."""
    here = [version.id for version in brief.mates]
    if not here or set(here) == {version.id for version in brief.front}:
        return ""
    return f"Islands: combine it only with versions of its own island: {', '.join(here)}."


def _points(curve: Sequence[CurvePoint]) -> str:
    ordered = sorted(curve, key=lambda point: point.tokens)
    return " ".join(
        f"{ordered[i].accuracy:.1f}@{ordered[i].tokens / 1000:,.1f}" for i in evenly_spread(len(ordered), 3)
    )


def _parent(version: BriefVersion) -> str:
    """Describe the controller to build on: idea, outcome, curve, findings and source."""
    shown = (version.curve[i] for i in evenly_spread(len(version.curve), _CURVE))
    curve = " ".join(f"b{p.beta:g}: {p.accuracy:.1f}@{p.tokens / 1000:,.1f}" for p in shown)
    parts = [f"The controller to build on is **{version.id}**.", version.rationale and one_line(version.rationale, 600)]
    parts += [version.outcome and f"Outcome: {one_line(version.outcome, 400)}", f"Its curve by beta: {curve}"]
    if version.findings:
        findings = "\n".join(
            f"  {finding.kind}: {one_line(finding.message, 200)}" for finding in version.findings[:_FINDINGS]
        )
        parts.append(f"Its findings, most important first:\n{findings}")
    cut = "" if len(version.source) <= _SOURCE else f"\n(cut: read the rest with read_source {version.id})"
    parts.append(f"Its source:\n```python\n{version.source[:_SOURCE].rstrip()}{cut}\n```")
    return "\n".join(part for part in parts if part)


def _lessons(brief: Brief) -> str:
    """List the outcomes of earlier predictions."""
    lines = [f"  {version.id}: {one_line(version.outcome, 160)}" for version in brief.lessons[:_LESSONS]]
    return "\n".join(["Outcomes of the latest predictions, on the whole search set:", *lines]) if lines else ""
