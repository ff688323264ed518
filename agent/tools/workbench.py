"""Everything that an explorer may look at and try while it works on one brief: every method returns a short text.

No text contains a gold answer, a question or the name of an environment: environments are e1, e2, ...; answers are
letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from autotts.envs.errors import InputError
from autotts.envs.statistics import Floats
from autotts.envs.trace import trace
from autotts.sandbox import policy
from autotts.sandbox.audit.look_ahead import SMALLEST_SHARE
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.sealed_extras import declared_by
from autotts.sandbox.trial import audited

from .. import population
from ..diagnosis.hindsight import right_shares
from ..population.measurement import Measurement, quality_gain, same_decisions
from ..records.workbench import DraftReport, EpisodeKind, EpisodeList
from . import comparison
from .draft_episodes import about_part, smoke_of
from .draft_report import format_trial, format_version, reached_at, references_of
from .environment_parts import describe_parts, list_parts
from .episode_search import KINDS, PAIRED, select_episodes
from .search_history import DraftTrial, SearchHistory
from .search_progress import describe_progress
from .text import evenly_spread, one_line, page, plain, table
from .trace_text import trace_text
from .version_table import ORDERS, version_table

MOST_TRIES = 40
"""Drafts that an explorer may try in one step."""
MOST_CURVES = 4
"""Curves in one text, at most."""
FEW = 5
"""Betas that a table shows by default, spread over the grid."""
DETAILED = 3
"""Findings shown with their message; of the others only the share of episodes is shown."""
SOURCE_PAGE = 12_000
"""Characters of a page of source."""

_HANDLE = re.compile(r"e(\d{1,6}):q(\d{1,9}):b([0-9.e+-]{1,20}):o(\d{1,18})")
_CURVES = 4_000  # characters: three versions on a grid of eleven betas
_INDEX = 100_000


class SearchWorkbench:
    """Everything tried so far, and a sandbox to try drafts in; one workbench per brief.

    Args:
        history: the versions that may be shown; drafts are compared with the first of its parents that ran.
        sandbox: runs the drafts.
        traces: whether findings and single episodes may be shown.
    """

    def __init__(self, history: SearchHistory, sandbox: Sandbox, traces: bool = True) -> None:
        self.history, self.sandbox, self.traces = history, sandbox, traces

    # Looking at versions

    @property
    def budgets(self) -> Floats:
        """See `Workbench.budgets`."""
        return self.history.budgets

    def scored_versions(self) -> list[tuple[Mapping[str, Any], float]]:
        """Return ``data`` and quality, in points, of every version that ran."""
        ran = [card for card in self.history.cards.values() if card.ok]
        return list(zip((card.data for card in ran), population.qualities(ran, self.budgets).tolist(), strict=True))

    def check_parents(self, parents: Sequence[str]) -> None:
        """Check that every id is that of a version, and not of a draft.

        Raises:
            InputError: one is not.
        """
        for parent in parents:
            if parent in self.history.tries:
                raise InputError(f"parents: {parent} is a draft: name the versions that the draft builds on")
            if parent not in self.history.cards:
                raise InputError(f"parents: no version {one_line(parent, 60)!r}; see list_versions")

    def sanitize(self, message: str) -> str:
        """Return the message of a failed candidate as one safe line, without names of environments."""
        return self.history.sanitize(message)

    def list_versions(self, order: str = "quality", limit: int = 5, offset: int = 0) -> str:
        """Return a table of versions: quality, curve at three betas, parents, and rationale or failure.

        Raises:
            InputError: an unknown order, or a number out of range.
        """
        if order not in ORDERS:
            raise InputError(f"order is {one_line(order, 40)!r}, but must be one of {', '.join(ORDERS)}")
        _between("limit", limit, 1, 100)
        _between("offset", offset, 0, 10**9)
        return version_table(self.history, order, limit, offset)

    def index(self) -> str:
        """Return the table of all versions, best first, on one page."""
        return version_table(self.history, "quality", len(self.history.cards) or 1, 0, _INDEX)

    def describe_progress(self) -> str:
        """Return the scale of quality, the best version, and since when no version is significantly better."""
        return describe_progress(self.history)

    def describe_parts(self) -> str:
        """Return what the environments have beyond answers, and how a controller uses it; "" for answers alone."""
        return self.history.names.hide(describe_parts(self.history.episodes.environments))

    def describe_missing(self, source: str) -> str:
        """Return what ``source`` declares to need and the environments lack, in a sentence; "" for nothing."""
        environments = self.history.episodes.environments
        refusal = declared_by(source).refusal(environments)
        if not refusal:
            return ""
        parts = self.history.names.hide(list_parts(environments))
        return f"{self.history.sanitize(refusal)}; what all environments have: {parts}"

    def read_source(self, version: str, offset: int = 0) -> str:
        """Return the source of a version or draft, from character ``offset`` on.

        Raises:
            InputError: there is no such version.
        """
        _between("offset", offset, 0, 10**9)
        text = plain(self.history.source(version), tabs=True)
        shown = text[offset : offset + SOURCE_PAGE]
        after = offset + len(shown)
        if not shown:
            return f"(nothing at offset={offset}: the source has {len(text)} characters)"
        return shown + (f"\n(more: offset={after}, of {len(text)} characters)" if after < len(text) else "")

    def scaling_curve(self, versions: Sequence[str], every: bool = False, offset: int = 0) -> str:
        """Return the curves of up to `MOST_CURVES` versions, with the best baseline's accuracy at the same tokens.

        Raises:
            InputError: no version, too many or unknown versions, or a version that did not run.
        """
        if not 1 <= len(versions) <= MOST_CURVES:
            raise InputError(f"versions has {len(versions)} ids, but must have 1 to {MOST_CURVES}")
        _between("offset", offset, 0, 10**9)
        part = self.history.on_part(*versions)
        lines: list[str] = []
        head = f"on {self._about(part)}"
        for version in dict.fromkeys(versions):
            tried = self.history.measured(version, part)
            rows = [("beta", "accuracy % [95%]", "tokens", "latency", "best baseline at these tokens: accuracy %")]
            for i in evenly_spread(len(tried.curve), len(tried.curve) if every else FEW):
                point = tried.curve[i]
                low, high = tried.accuracy_interval(i)
                rows.append(
                    (
                        f"{point.beta:g}", f"{point.accuracy:.1f} [{low:.1f}, {high:.1f}]", f"{point.tokens:,.0f}",
                        f"{point.latency:,.0f}",
                        " ".join(reached_at(self.history, self.history.baselines, point.tokens, part)),
                    )
                )  # fmt: skip
            lines += [f"{version}: quality {tried.quality(self.history.budgets):.2f}", *table(rows, left=0)]
        return page([head], lines[offset:], offset, len(lines), _CURVES)

    def _about(self, part: bool) -> str:
        return about_part(self.history.part if part else self.history.episodes)

    def compare(self, first: str, second: str, every: bool = False) -> str:
        """Return the comparison of ``second`` with ``first``: quality, by beta, by environment, and findings.

        Raises:
            InputError: an unknown version, or one that did not run.
        """
        part, budgets = self.history.on_part(first, second), self.history.budgets
        one, two = self.history.measured(first, part), self.history.measured(second, part)
        gain, (low, high) = quality_gain(one, two, budgets)
        head = [
            f"{first} -> {second} on {self._about(part)}",
            f"quality: {one.quality(budgets):.2f} -> "
            f"{two.quality(budgets):.2f}, {gain:+.2f} "
            f"[{low:+.2f}, {high:+.2f}] (95%, paired)",
        ]
        if same_decisions(one.logs, two.logs):
            return "\n".join([*head, "the two make the same decisions in every episode"])
        lines = comparison.by_part(one, two, len(one.betas) if every else FEW)
        if self.traces and part == self.history.on_part(first) == self.history.on_part(second):
            lines += comparison.by_finding(self.history.findings(first), self.history.findings(second))
        return page(head, lines, 0, len(lines), 3 * 1000)

    # Looking at episodes

    def findings(self, version: str) -> str:
        """Return what a version or draft does wrong, the most important first, with the worst episode of each.

        Raises:
            InputError: there is no such version, it did not run, or this run does not show traces.
        """
        self._need_traces()
        lines, findings = [], self.history.findings(version)
        for finding in findings[:DETAILED]:
            lines.append(f"- {finding.kind}: {one_line(finding.message, 240)}")
            for w in finding.worst[:1]:
                episode = self.history.names.handle_of(w.environment, w.question, w.beta, w.order)
                lines.append(f"  worst: {episode} (action {w.step}, {w.tokens:,} tokens)")
        if findings[DETAILED:]:
            less = ", ".join(f"{finding.kind} ({100 * finding.share:.1f}%)" for finding in findings[DETAILED:])
            lines.append(f"less important (% of episodes): {less}")
        head = [f"{version}, on {self._about(self.history.on_part(version))}"]
        return page(head, lines or ["no findings"], 0, len(lines))

    def find_episodes(
        self, version: str, kind: str, other: str | None = None, beta: float | None = None, limit: int = 5,
        offset: int = 0,
    ) -> str:  # fmt: skip
        """Return the text of `list_episodes`."""
        return self.list_episodes(version, kind, other, beta, limit, offset).text

    def list_episodes(
        self, version: str, kind: str, other: str | None = None, beta: float | None = None, limit: int = 5,
        offset: int = 0,
    ) -> EpisodeList:  # fmt: skip
        """Return the episodes of a kind (`EpisodeKind`): the worst of each question, then the second worst, ...

        Raises:
            InputError: an unknown version, kind or beta, ``other`` given or missing contrary to the kind, or a number
                out of range.
        """
        self._need_traces()
        chosen = next((k for k in get_args(EpisodeKind) if k == kind), None)
        if chosen is None:
            raise InputError(f"kind is {one_line(kind, 40)!r}, but must be one of {', '.join(KINDS)}")
        if (other is None) == (kind in PAIRED):
            need = "needs `other`, a second version" if other is None else "takes no `other`"
            raise InputError(f"kind {kind} {need}")
        _between("limit", limit, 1, 50)
        _between("offset", offset, 0, 10**9)
        part = self.history.on_part(version, other)
        tried = self.history.measured(version, part)
        reference = self.history.measured(other, part) if other is not None else None
        if beta is not None and not np.isclose(tried.betas, beta).any():
            raise InputError(f"beta is {beta:g}, but must be one of {', '.join(f'{b:g}' for b in tried.betas)}")
        selection = select_episodes(chosen, tried, reference, beta)
        batch, window = tried.scores.episodes, selection.which[offset : offset + limit]
        count, total = len(selection.which), len(batch) if beta is None else int(np.isclose(batch.beta, beta).sum())
        head = [f"{kind} of {version}: {count:,} of {total:,} episodes, on {selection.questions:,} questions"]
        if not len(window):
            return EpisodeList(page(head, [], offset, count), ())
        rows: list[tuple[str, ...]] = [("episode", "answer", "tokens", "branches", "pruned", "recorded right %")]
        recorded_right = 100 * right_shares(batch.take(window))
        handles = tuple(self.history.names.handle(batch, e) for e in window.tolist())
        for handle, e, share in zip(handles, window.tolist(), recorded_right.tolist(), strict=True):
            rows.append((handle, *_outcome(tried, e), f"{share:.0f}"))
        if reference is not None:
            more = [(f"{other}:", "tokens"), *(_outcome(reference, e)[:2] for e in window.tolist())]
            rows = [(*row, *cells) for row, cells in zip(rows, more, strict=True)]
        head.append("recorded right %: recorded branches of the question whose final answer is right")
        lines = table(rows)
        return EpisodeList(page([*head, lines[0]], lines[1:], offset, count), handles)

    def read_trace(self, version: str, episode: str, offset: int = 0) -> str:
        """Return one episode as compact text from line ``offset`` on: the actions, then the answers of each branch.

        Raises:
            InputError: there is no such version or episode, or the version did not run.
        """
        self._need_traces()
        _between("offset", offset, 0, 10**9)
        tried = self.history.measured(version, self.history.on_part(version))
        index = self._find(tried, episode)
        handle = self.history.names.handle(tried.scores.episodes, index)
        signals = declared_by(self.history.source(version)).names
        read = trace_text(trace(tried.scores.episodes, tried.logs, index, signals), f"{version} on {handle}")
        return page(read.head, read.lines[offset:], offset, len(read.lines), unit=" lines")

    def _find(self, tried: Measurement, episode: str) -> int:
        parts = _HANDLE.fullmatch(episode.strip())
        if parts is None:
            raise InputError(f"episode is {one_line(episode, 60)!r}, but must be a handle such as e1:q7:b0.5:o1000")
        try:
            beta = float(parts[3])
        except ValueError:
            beta = -1.0
        batch = tried.scores.episodes
        cell = (batch.environment == int(parts[1]) - 1) & (batch.question == int(parts[2]))
        matches = np.flatnonzero(cell & np.isclose(batch.beta, beta) & (batch.order == int(parts[4])))
        if not len(matches):
            betas, orders = (", ".join(f"{v:g}" for v in np.unique(c).tolist()[:12]) for c in (batch.beta, batch.order))
            raise InputError(
                f"no episode {episode.strip()}: betas: {betas}; branch orders: {orders}; see find_episodes"
            )
        return int(matches[0])

    def _need_traces(self) -> None:
        if not self.traces:
            raise InputError("this run does not show findings and traces")

    # Trying

    def try_candidate(self, source: str, against: str | None = None) -> str:
        """Return the text of `try_draft`."""
        return self.try_draft(source, against).text

    def try_draft(self, source: str, against: str | None = None) -> DraftReport:
        """Run a draft on a part of the search set, and return its curve beside others on the same episodes, and its
        findings. A sample of the episodes is audited: a draft that is convicted gets the verdict, and no figures.

        A source that the policy refuses, that fails on the first few episodes, or that equals an earlier program does
        not become a draft; the text says why.

        Args:
            source: a complete module.
            against: version or draft to compare with, besides the best version; the first parent if None.

        Raises:
            InputError: too many drafts, or ``against`` is unknown or did not run.
            SandboxError: the sandbox failed.
        """
        history, references = self.history, references_of(self.history, against)
        refused = policy.check(source)
        if not refused.ok:
            return _not_run(f"{refused.kind}: {history.sanitize(refused.message)}")
        if missing := self.describe_missing(source):
            return _not_run(f"rejected: needs: {missing}")
        if (same := self.describe_same_program(source)) is not None:
            card = history.cards.get(history.same_program(source) or "")
            results = format_version(history, card.id, references) if card is not None and card.ok else ""
            return _not_run(f"{same}; change what it does, not how it is written\n{results}".rstrip())
        if (before := history.same_draft(source)) is not None:
            equal = "this is" if before.source == source else "except for names and comments this is"
            text = format_trial(history, before, references, self.traces)
            return DraftReport(f"not run again: {equal} {before.name}\n{text}", "not_run")
        if len(history.tries) >= MOST_TRIES:
            raise InputError(f"{MOST_TRIES} drafts have been tried in this step: submit the best of them")
        name = f"try-{len(history.tries) + 1}"
        smoke = evaluate(Candidate(name, source), history.part.take(smoke_of(history.part)), self.sandbox)
        if not smoke.verdict.ok:
            message = history.sanitize(smoke.verdict.message)
            return _not_run(f"it fails on the first few episodes: {smoke.verdict.kind}: {message}")
        ran = evaluate(Candidate(name, source), history.part, self.sandbox)
        result = audited(ran, history.part, self.sandbox, SMALLEST_SHARE)  # a cheat gets its verdict, and no figures
        measured = (
            Measurement(result.logs, result.scores) if result.logs is not None and result.scores is not None else None
        )
        history.tries[name] = DraftTrial(name, source, result.verdict, measured)
        text = format_trial(history, history.tries[name], references, self.traces)
        return DraftReport(text, "failed" if measured is None else "ran")

    def describe_same_program(self, source: str) -> str | None:
        """Return a text that names the version with the same program, or None; ``source`` must satisfy the policy."""
        same = self.history.same_program(source)
        if same is None:
            return None
        if same not in self.history.cards:
            return "it is the same program as an earlier version, except for names and comments"
        card = self.history.cards[same]
        failed = "" if card.ok else f", which failed ({card.verdict}: {self.history.sanitize(card.message)})"
        return f"it is the same program as {same}{failed}, except for names and comments"


def _not_run(reason: str) -> DraftReport:
    return DraftReport(f"not run: {reason}", "not_run")


def _outcome(tried: Measurement, e: int) -> tuple[str, str, str, str]:
    scores = tried.scores
    right = "right" if scores.correct[e] else "wrong"
    return right, f"{scores.tokens[e]:,}", str(scores.opened[e]), str(int(scores.pruned[e].sum()))


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}, but must be from {low} to {high}")
