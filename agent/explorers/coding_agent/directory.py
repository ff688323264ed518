"""A directory in which a coding agent that knows nothing else can write a controller, and what comes out of it.

Beside the directory ``g003-propose-0`` lie ``g003-propose-0.begun``, from when it is complete, ``.result.json``, when
its work is done, and ``.log``, what the agent's program printed: none of them where the agent works.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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

from envs.statistics import Floats
from envs.store import write_atomically
from sandbox.policy import MAX_CHARACTERS

from ... import population
from ...archive.baselines import baseline_names, baseline_source
from ...llm.session import SessionTools
from ...records.card import FrozenModel
from ...records.explorer import Brief
from ...records.version import Cost, Expectation, Version
from ...tools.search_progress import best_at_budgets
from . import client as workspace_client
from .server import read_commands

Step = Literal["propose", "refine"]

PROMPTS = Path(__file__).parents[1] / "prompts" / "workspace"
_TEXTS = ("../aim.md", "../aim_without_beta.md", "TASK.md", "CONTRACT.md", "rationale.md", "propose.md", "refine.md")
_CLIENT = "autotts"
_LARGEST_NOTES = 64 << 10
_HANDLE = re.compile(r"\be\d+:q\d+:b[\d.e+-]+:s\d+\b")
_WORST_KINDS = ("pruned_right", "stopped_early", "most_wasted", "wrong")
_TRACES_OF_A_KIND = 2


def prompts_version() -> str:
    """Return the version of the texts, which changes with every word of them."""
    joined = "\0".join(_text(name) for name in _TEXTS)
    return f"workspace-{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def _text(name: str) -> str:
    return (PROMPTS / name).read_text(encoding="utf-8")


class WorkspaceResult(FrozenModel):
    """What came out of a workspace: a candidate, or why there is none."""

    key: str
    """Of the brief that it answers (`brief_key`)."""
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
    """Yield (generation, cost) of every workspace whose work is done."""
    for path in sorted(root.glob("g*.result.json")):
        generation = path.name[1:].partition("-")[0]
        with suppress(OSError, ValidationError, ValueError):
            yield int(generation), WorkspaceResult.model_validate_json(path.read_bytes()).cost


def brief_key(brief: Brief, step: Step) -> str:
    """Return a name that two briefs share only if they ask for the same."""
    versions = [[version.id, version.source] for version in (*brief.parents, *brief.front)]
    told = json.dumps([brief.seed, brief.generation, step, brief.slot, len(brief.parents), versions])
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The controller that a workspace begins with."""

    id: str
    source: str

    @classmethod
    def of(cls, brief: Brief) -> StartingPoint:
        """Return the first parent, else the best of the front over all budgets, else a seed."""
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
        root: the directory of all workspaces of a run.
        brief: what is asked.
        step: in which step of a generation.
        tools: to look at versions with.
        tries: evaluations that the agent may have.
        minutes: that it has.
        beta: whether there is the knob; without it every controller is tried at one setting.
    """

    def __init__(
        self, root: Path, brief: Brief, step: Step, tools: SessionTools, tries: int, minutes: float, beta: bool = True
    ) -> None:
        self.name = f"g{brief.generation:03d}-{step}-{brief.slot}"
        self.home = root.absolute() / self.name
        self.key = brief_key(brief, step)
        self.start = StartingPoint.of(brief)
        self.known = {v.id: v for v in (*brief.parents, *brief.front, *brief.mates)}
        self._brief, self._step, self._tools, self._tries, self._minutes = brief, step, tools, tries, minutes
        self._beta = beta

    # Files beside the directory

    def _beside(self, ending: str) -> Path:
        return self.home.with_name(f"{self.name}.{ending}")

    def result(self) -> WorkspaceResult | None:
        """Return what came out of it, if its work is done."""
        try:
            found = WorkspaceResult.model_validate_json(self._beside("result.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return found if found.key == self.key else None

    def put_result(self, result: WorkspaceResult) -> None:
        """Keep what came out: from now on the work is done."""
        write_atomically(self._beside("result.json"), result.model_dump_json(indent=1).encode())

    def put_log(self, text: str) -> None:
        """Keep what the agent's program printed; without secrets, please."""
        write_atomically(self._beside("log"), text.encode(errors="replace"))

    # The directory

    def prepare(self, address: str) -> None:
        """Write the directory; of one that was cut off in the middle of its work, only what its agent does not write.

        Raises:
            OSError: it cannot be written.
        """
        begun = self._beside("begun")
        if begun.is_file() and begun.read_text(errors="replace") == self.key and not self.home.is_symlink():
            with suppress(OSError):  # an agent may have put anything in the place of our files
                self._write({name: text for name, text in self._told().items() if "/" not in name})
                self._connect(address)
                return
        begun.unlink(missing_ok=True)
        if self.home.is_symlink():
            self.home.unlink()
        shutil.rmtree(self.home, ignore_errors=True)
        notes = Template(_text("rationale.md")).substitute(start=self.start.id)
        self._write({**self._told(), **self._traces(), "controller.py": self.start.source, "rationale.md": notes})
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
        """Return (source of controller.py, text of rationale.md, why there is no source)."""
        notes, _ = _read(self.home / "rationale.md", _LARGEST_NOTES)
        source, why = _read(self.home / "controller.py", MAX_CHARACTERS)
        return source, notes or "", why

    # Texts

    def _told(self) -> dict[str, str]:
        """Return the files that say what is to be done, and with what."""
        tools = {look.name: look for look in read_commands(self._tools)}
        files = {"CONTRACT.md": _text("CONTRACT.md")}
        files |= {f"examples/{name}.py": baseline_source(name) for name in baseline_names()}
        for version in self.known.values():
            files[f"history/{version.id}.py"] = version.source
            files[f"history/{version.id}.md"] = _about(version, "findings" in tools, self._brief)
        listing = ["| `history/` | the best versions and the parents: source (`.py`); curve, faults, idea, prediction "
                   "and what came of it (`.md`) |"]  # fmt: skip
        if self._brief.lessons:
            files["history/LESSONS.md"] = _lessons(self._brief.lessons)
            listing.append("| `history/LESSONS.md` | earlier predictions, and what came of each, the latest first |")
        if "list_versions" in tools:
            bench = self._brief.bench
            index = bench.index() if bench is not None else self._tools.call("list_versions", "{}").text
            files["history/INDEX.txt"] = index + "\n"
            listing.append("| `history/INDEX.txt` | all versions that were tried, the best first |")
        if "read_trace" in tools:
            listing.append("| `traces/` | episodes in which the controller you begin with did badly, step by step |")
        files["TASK.md"] = Template(_text("TASK.md")).substitute(
            generation=self._brief.generation,
            step=_text(f"{self._step}.md").strip(),
            aim=_text("../aim.md" if self._beta else "../aim_without_beta.md").strip(),
            front=_front(list(self.known.values()), self._brief),
            standing=self._brief.bench.standing() if self._brief.bench is not None else "",
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
        """Return traces of episodes in which the start did badly, a few of each kind."""
        if not {"find_episodes", "read_trace"} <= {look.name for look in read_commands(self._tools)}:
            return {}
        files: dict[str, str] = {}
        seen: set[str] = set()
        for kind in _WORST_KINDS:
            said = self._tools.call("find_episodes", json.dumps({"version": self.start.id, "kind": kind, "limit": 8}))
            handles = [] if said.error else [h for h in _HANDLE.findall(said.text) if h not in seen]
            for n, handle in enumerate(handles[:_TRACES_OF_A_KIND], 1):
                seen.add(handle)
                told = self._tools.call("read_trace", json.dumps({"version": self.start.id, "episode": handle}))
                if not told.error:
                    files[f"traces/{kind}-{n}.txt"] = told.text + "\n"
        return files


def _read(path: Path, most: int) -> tuple[str | None, str]:
    """Return (text, "") of a plain file, or (None, why not): whatever an agent may have put there."""
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


def _about(version: Version, findings: bool, brief: Brief) -> str:
    """Return what is known of a version, for people and for programs that are like them."""
    lines = [f"# {version.id}", ""]
    if version.rationale:
        lines += ["Idea: " + " ".join(version.rationale.split()), ""]
    if version.outcome:
        lines += ["What came of it: " + version.outcome, ""]
    if version.curve:
        quality = float(population.attained(version.curve, _budgets(brief, [version])).mean())
        lines += [f"Quality on the whole search set: {quality:.2f}", ""] if brief.bench is not None else []
        lines += ["| beta | accuracy % | tokens | latency |", "|---|---|---|---|"]
        lines += [f"| {p.beta:g} | {p.accuracy:.1f} | {p.tokens:,.0f} | {p.latency:,.0f} |" for p in version.curve]
    if findings:
        lines += ["", "What it does wrong, the most important first:", ""]
        lines += [f"- {found.kind}: {found.message}" for found in version.findings] or ["- nothing that was looked for"]
    return "\n".join(lines) + "\n"


def _lessons(versions: Sequence[Version]) -> str:
    told = [f"- {v.id}: {' '.join(v.rationale.split())}\n  -> {' '.join(v.outcome.split())}" for v in versions]
    note = ("After the arrow stands what was measured, on the whole search set. What an idea claims from tries was "
            "measured on a part of it, and chosen for: it is often larger.")  # fmt: skip
    return "\n".join(["# What earlier rounds predicted, and what came of it", "", note, "", *told]) + "\n"


def _budgets(brief: Brief, versions: Sequence[Version]) -> Floats:
    """Return the budgets of quality; without a workbench, which knows them, those that ``versions`` span."""
    if brief.bench is not None:
        return brief.bench.shelf.budgets
    tokens = [point.tokens for version in versions for point in version.curve]
    low = max(1.0, 2 * min(tokens))
    return np.asarray(np.geomspace(low, max(2 * low, *tokens), population.BUDGETS), np.float64)


def _front(versions: Sequence[Version], brief: Brief) -> str:
    """Return the best accuracy so far at some budgets, and whose it is."""
    curved = [version for version in versions if version.curve]
    if not curved:
        return "(nothing has run yet: whatever runs is the best so far)"
    return best_at_budgets(curved, _budgets(brief, curved))
