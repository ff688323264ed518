"""The workspace directory, with all that a coding agent needs to write a controller, and the result of its work.

Beside the directory ``g003-propose-0`` lie ``g003-propose-0.begun``, written when the directory is complete;
``.result.json``, written when the work is done; and ``.log``, the output of the agent's program. The agent does not see
these files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

import numpy as np
from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed
from autotts.envs.statistics import Floats
from autotts.envs.store import write_atomically
from autotts.sandbox.policy import MAX_CHARACTERS

from ... import population
from ...archive.baselines import baseline_names, baseline_source
from ...records.card import FrozenModel
from ...records.explorer import Brief
from ...records.version import BriefVersion, Cost, Expectation
from ...tools.search_progress import best_at_budgets
from . import client as workspace_client
from .server import WorkspaceTools, read_commands

Step = Literal["propose", "refine"]

PROMPTS = Path(__file__).parents[1] / "prompts" / "workspace"
_TEXTS = ("../aim.md", "../aim_without_beta.md", "TASK.md", "CONTRACT.md", "rationale.md", "propose.md", "refine.md")
_CLIENT = "autotts"
_LARGEST_NOTES = 64 << 10
_WORST_KINDS = ("pruned_right", "stopped_early", "most_wasted", "wrong")
_TRACES_OF_A_KIND = 2


def prompts_version() -> str:
    """Return the version of the prompt texts, which changes with every change of a text."""
    joined = "\0".join(_text(name) for name in _TEXTS)
    return f"workspace-{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def _text(name: str) -> str:
    return (PROMPTS / name).read_text(encoding="utf-8")


class WorkspaceResult(FrozenModel):
    """The result of a workspace: a candidate, or the reason why there is none."""

    key: str
    """Key of the brief that the result answers (`brief_key`)."""
    reason: str = ""
    """Why there is no candidate; empty if there is one."""
    source: str = ""
    rationale: str = ""
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()
    cost: Cost = Cost()
    prompts: str = ""
    transcript: str = ""


def costs(root: Path) -> Iterator[tuple[int, Cost]]:
    """Yield (generation, cost) for each workspace with a result."""
    for path in sorted(root.glob("g*.result.json")):
        generation = path.name[1:].partition("-")[0]
        with suppress(OSError, ValidationError, ValueError, DamagedFile):
            yield int(generation), WorkspaceResult.model_validate_json(read_sealed(path)).cost


def brief_key(brief: Brief, step: Step) -> str:
    """Return a key that is equal only for briefs that ask for the same."""
    versions = [[version.id, version.source] for version in (*brief.parents, *brief.front)]
    content = json.dumps([brief.seed, brief.generation, step, brief.slot, len(brief.parents), versions])
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The controller that a workspace begins with."""

    id: str
    source: str

    @classmethod
    def of(cls, brief: Brief) -> StartingPoint:
        """Return the first parent; without parents, the best version of the front; else a hand-written controller."""
        if brief.parents:
            return cls(brief.parents[0].id, brief.parents[0].source)
        curved = [version for version in brief.front if version.curve]
        if curved:
            at = _budgets(brief, curved)
            best = max(curved, key=lambda version: float(population.attained(version.curve, at).mean()))
            return cls(best.id, best.source)
        name = "confidence_momentum"
        return cls(name, baseline_source(name))


class Workspace:
    """The directory of one brief.

    Args:
        root: directory of all workspaces of a run.
        brief: the task.
        step: step of the generation.
        tools: the tools to look at versions.
        tries: evaluations that the agent may use.
        minutes: time that the agent has.
        beta: whether controllers have the knob; without it every controller is tried at one setting.
    """

    def __init__(
        self, root: Path, brief: Brief, step: Step, tools: WorkspaceTools, tries: int, minutes: float, beta: bool = True
    ) -> None:
        self.name = f"g{brief.generation:03d}-{step}-{brief.slot}"
        self.home = root.absolute() / self.name
        self.key = brief_key(brief, step)
        self.start = StartingPoint.of(brief)
        self.shown_versions = {v.id: v for v in (*brief.parents, *brief.front, *brief.mates)}
        self._brief, self._step, self._tools, self._tries, self._minutes = brief, step, tools, tries, minutes
        self._beta = beta

    # Files beside the directory

    def _beside(self, ending: str) -> Path:
        return self.home.with_name(f"{self.name}.{ending}")

    def result(self) -> WorkspaceResult | None:
        """Return the result for this brief, or None if there is none yet."""
        try:
            result = WorkspaceResult.model_validate_json(read_sealed(self._beside("result.json")))
        except (OSError, ValidationError, DamagedFile):
            return None
        return result if result.key == self.key else None

    def put_result(self, result: WorkspaceResult) -> None:
        """Write the result: the work is done from now on."""
        write_sealed(self._beside("result.json"), result.model_dump_json(indent=1).encode())

    def put_log(self, text: str) -> None:
        """Write the output of the agent's program; the caller removes secrets."""
        write_sealed(self._beside("log"), text.encode(errors="replace"))

    # The directory

    def prepare(self, address: str) -> None:
        """Write the directory. If the work was interrupted, rewrite only the files that the agent does not write.

        Raises:
            OSError: the directory cannot be written.
        """
        begun = self._beside("begun")
        if begun.is_file() and begun.read_text(errors="replace") == self.key and not self.home.is_symlink():
            with suppress(OSError):  # an agent may have replaced our files by anything
                self._write({name: text for name, text in self._instructions().items() if "/" not in name})
                self._connect(address)
                return
        begun.unlink(missing_ok=True)
        if self.home.is_symlink():
            self.home.unlink()
        shutil.rmtree(self.home, ignore_errors=True)
        notes = Template(_text("rationale.md")).substitute(start=self.start.id)
        own = {"controller.py": self.start.source, "rationale.md": notes}
        self._write({**self._instructions(), **self._traces(), **own})
        self._connect(address)
        write_atomically(begun, self.key.encode())

    def _write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            write_atomically(self.home / name, text.encode(errors="replace"))

    def _connect(self, address: str) -> None:
        self._write({workspace_client.ADDRESS: f"{address}\n"})
        write_atomically(self.home / _CLIENT, Path(workspace_client.__file__).read_bytes())
        os.chmod(self.home / _CLIENT, 0o755)

    def handed_in(self) -> tuple[str | None, str, str]:
        """Return (source of controller.py, text of rationale.md, reason why there is no source)."""
        notes, _ = _read(self.home / "rationale.md", _LARGEST_NOTES)
        source, why = _read(self.home / "controller.py", MAX_CHARACTERS)
        return source, notes or "", why

    # Texts

    def _instructions(self) -> dict[str, str]:
        """Return the files that describe the task and the material."""
        tools = {look.name: look for look in read_commands(self._tools)}
        bench = self._brief.bench
        parts = bench.describe_parts() if bench is not None else ""
        files = {"CONTRACT.md": _text("CONTRACT.md") + (f"\n{parts}\n" if parts else "")}
        files |= {f"examples/{name}.py": baseline_source(name) for name in baseline_names()}
        for version in self.shown_versions.values():
            files[f"history/{version.id}.py"] = version.source
            files[f"history/{version.id}.md"] = _describe(version, "findings" in tools, self._brief)
        listing = ["| `history/` | the best versions and the parents: source (`.py`); curve, findings, idea, "
                   "prediction, measured outcome (`.md`) |"]  # fmt: skip
        if self._brief.lessons:
            files["history/LESSONS.md"] = _lessons(self._brief.lessons)
            listing.append("| `history/LESSONS.md` | earlier predictions and their outcomes, the latest first |")
        if "list_versions" in tools:
            index = bench.index() if bench is not None else self._tools.call("list_versions", "{}").text
            files["history/INDEX.txt"] = index + "\n"
            listing.append("| `history/INDEX.txt` | all versions that were tried, best first |")
        if "read_trace" in tools:
            listing.append("| `traces/` | episodes in which your starting controller did badly, step by step |")
        files["TASK.md"] = Template(_text("TASK.md")).substitute(
            generation=self._brief.generation,
            step=_text(f"{self._step}.md").strip(),
            aim=_text("../aim.md" if self._beta else "../aim_without_beta.md").strip(),
            front=_front(list(self.shown_versions.values()), self._brief),
            progress=self._brief.bench.describe_progress() if self._brief.bench is not None else "",
            start=self.start.id,
            start_words=f"`{self.start.id}`",
            listing="\n".join(listing),
            usage=workspace_client.USAGE.strip(),
            looks="\n".join(look.line() for look in tools.values()),
            tries=self._tries,
            minutes=f"{self._minutes:g}",
        )
        return files

    def _traces(self) -> dict[str, str]:
        """Return traces of episodes in which the starting controller did badly, a few of each kind."""
        if not {"find_episodes", "read_trace"} <= {look.name for look in read_commands(self._tools)}:
            return {}
        files: dict[str, str] = {}
        seen: set[str] = set()
        for kind in _WORST_KINDS:
            listed = self._tools.call("find_episodes", json.dumps({"version": self.start.id, "kind": kind, "limit": 8}))
            handles = [] if listed.error else [h for h in listed.episodes if h not in seen]
            for n, handle in enumerate(handles[:_TRACES_OF_A_KIND], 1):
                seen.add(handle)
                trace = self._tools.call("read_trace", json.dumps({"version": self.start.id, "episode": handle}))
                if not trace.error:
                    files[f"traces/{kind}-{n}.txt"] = trace.text + "\n"
        return files


def _read(path: Path, most: int) -> tuple[str | None, str]:
    """Return (text, "") of a regular file, or (None, reason); an agent may have put anything there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return None, f"{path.name}: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None, f"{path.name} is not a file"
        data = file.read(most + 1)
    if len(data) > most:
        return None, f"{path.name} has more than {most} bytes"
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return None, f"{path.name} is not UTF-8 text"


def _describe(version: BriefVersion, findings: bool, brief: Brief) -> str:
    """Return a Markdown page about a version."""
    lines = [f"# {version.id}", ""]
    if version.rationale:
        lines += ["Idea: " + " ".join(version.rationale.split()), ""]
    if version.outcome:
        lines += ["Outcome: " + version.outcome, ""]
    if version.curve:
        quality = float(population.attained(version.curve, _budgets(brief, [version])).mean())
        lines += [f"Quality on the whole search set: {quality:.2f}", ""] if brief.bench is not None else []
        lines += ["| beta | accuracy % | tokens | latency |", "|---|---|---|---|"]
        lines += [f"| {p.beta:g} | {p.accuracy:.1f} | {p.tokens:,.0f} | {p.latency:,.0f} |" for p in version.curve]
    if findings:
        lines += ["", "What it does wrong, the most important first:", ""]
        lines += [f"- {finding.kind}: {finding.message}" for finding in version.findings] or ["- no findings"]
    return "\n".join(lines) + "\n"


def _lessons(versions: Sequence[BriefVersion]) -> str:
    lessons = [f"- {v.id}: {' '.join(v.rationale.split())}\n  -> {' '.join(v.outcome.split())}" for v in versions]
    note = ("After the arrow: the outcome, measured on the whole search set. Numbers in a rationale may come from "
            "tries on a part of the set, of which the best was chosen: they are often too high.")  # fmt: skip
    return "\n".join(["# What earlier rounds predicted, and the outcomes", "", note, "", *lessons]) + "\n"


def _budgets(brief: Brief, versions: Sequence[BriefVersion]) -> Floats:
    """Return the token budgets of quality; without a workbench, budgets over the range of ``versions``."""
    if brief.bench is not None:
        return brief.bench.budgets
    tokens = [point.tokens for version in versions for point in version.curve]
    low = max(1.0, 2 * min(tokens))
    return np.asarray(np.geomspace(low, max(2 * low, *tokens), population.BUDGETS), np.float64)


def _front(versions: Sequence[BriefVersion], brief: Brief) -> str:
    """Return a table of the best accuracy so far at some token budgets, and the version that attains it."""
    curved = [version for version in versions if version.curve]
    if not curved:
        return "(nothing has run yet: the first version that runs is the best so far)"
    return best_at_budgets(curved, _budgets(brief, curved))
