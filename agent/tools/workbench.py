"""What an explorer may look at and try while it works on one brief: every method returns a small plain text.

No text holds a gold answer, a question or the name of an environment: these are e1, e2, ..., and answers are letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

import numpy as np

from envs.errors import InputError
from envs.trace import trace
from sandbox import policy
from sandbox.base import Sandbox
from sandbox.evaluation import evaluate
from sandbox.outcome import Candidate

from ..diagnosis.hindsight import right_shares
from ..population.measurement import Measurement, quality_gain, same_decisions
from . import comparison
from .draft_episodes import about_part, smoke_of
from .draft_report import format_trial, format_version, reached_at, rivals_of
from .episode_search import KINDS, PAIRED, Kind, select_episodes
from .search_history import DraftTrial, SearchHistory
from .search_progress import describe_progress
from .text import evenly_spread, one_line, page, plain, table
from .trace_text import trace_text
from .version_table import ORDERS, version_table

MOST_TRIES = 40
"""Drafts that may be tried in one step."""
MOST_CURVES = 4
"""Versions whose curves are shown at once."""
FEW = 5
"""Betas, spread over the grid, that are told of unless every one is asked for."""
TOLD = 3
"""Findings that are told of in words; of the others, in how many episodes they show."""
SOURCE_PAGE = 12_000
"""Characters of a source that are shown at once."""

_HANDLE = re.compile(r"e(\d{1,6}):q(\d{1,9}):b([0-9.e+-]{1,20}):o(\d{1,18})")
_CURVES = 4_000  # characters: three versions on a grid of eleven betas
_INDEX = 100_000


class SearchWorkbench:
    """All that has been tried, to be looked at, and a sandbox to try drafts in: one for each brief.

    Args:
        shelf: what may be looked at; drafts are held against the first of its parents that ran.
        sandbox: where drafts are tried.
        traces: whether findings and single episodes may be looked at.
    """

    def __init__(self, shelf: SearchHistory, sandbox: Sandbox, traces: bool = True) -> None:
        self.shelf, self.sandbox, self.traces = shelf, sandbox, traces

    # Looking at versions

    def list_versions(self, order: str = "quality", limit: int = 5, offset: int = 0) -> str:
        """Return a table of the versions: quality, curve at three betas, parents, and rationale or failure.

        Raises:
            InputError: an order that there is not, or numbers out of range.
        """
        if order not in ORDERS:
            raise InputError(f"order is {one_line(order, 40)!r}, but must be one of {', '.join(ORDERS)}")
        _between("limit", limit, 1, 100)
        _between("offset", offset, 0, 10**9)
        return version_table(self.shelf, order, limit, offset)

    def index(self) -> str:
        """Return the same table of all versions, the best first, whole."""
        return version_table(self.shelf, "quality", len(self.shelf.cards) or 1, 0, _INDEX)

    def standing(self) -> str:
        """Return the scale of quality, which version is best, and since when nothing is surely better."""
        return describe_progress(self.shelf)

    def read_source(self, version: str, offset: int = 0) -> str:
        """Return the source of a version or draft, from character ``offset`` on.

        Raises:
            InputError: there is none such.
        """
        _between("offset", offset, 0, 10**9)
        text = plain(self.shelf.source(version), tabs=True)
        shown = text[offset : offset + SOURCE_PAGE]
        after = offset + len(shown)
        if not shown:
            return f"(nothing at offset={offset}: the source has {len(text)} characters)"
        return shown + (f"\n(more: offset={after}, of {len(text)} characters)" if after < len(text) else "")

    def scaling_curve(self, versions: Sequence[str], every: bool = False, offset: int = 0) -> str:
        """Return the curves of up to `MOST_CURVES` versions, and what the best seed attains at the same tokens.

        Raises:
            InputError: none, too many or unknown versions, or one that did not run.
        """
        if not 1 <= len(versions) <= MOST_CURVES:
            raise InputError(f"versions has {len(versions)} ids, but must have 1 to {MOST_CURVES}")
        _between("offset", offset, 0, 10**9)
        part = self.shelf.on_part(*versions)
        lines: list[str] = []
        head = f"on {self._about(part)}"
        for version in dict.fromkeys(versions):
            found = self.shelf.measured(version, part)
            rows = [("beta", "accuracy % [95%]", "tokens", "latency", "best baseline at these tokens: accuracy %")]
            for i in evenly_spread(len(found.curve), len(found.curve) if every else FEW):
                point = found.curve[i]
                low, high = found.accuracy_interval(i)
                rows.append(
                    (
                        f"{point.beta:g}", f"{point.accuracy:.1f} [{low:.1f}, {high:.1f}]", f"{point.tokens:,.0f}",
                        f"{point.latency:,.0f}",
                        " ".join(reached_at(self.shelf, self.shelf.baselines, point.tokens, part)),
                    )
                )  # fmt: skip
            lines += [f"{version}: quality {found.quality(self.shelf.budgets):.2f}", *table(rows, left=0)]
        return page([head], lines[offset:], offset, len(lines), _CURVES)

    def _about(self, part: bool) -> str:
        return about_part(self.shelf.part if part else self.shelf.episodes)

    def compare(self, first: str, second: str, every: bool = False) -> str:
        """Return ``second`` against ``first``: at equal tokens, by beta, by environment, and in their findings.

        Raises:
            InputError: an unknown version, or one that did not run.
        """
        part, budgets = self.shelf.on_part(first, second), self.shelf.budgets
        one, two = self.shelf.measured(first, part), self.shelf.measured(second, part)
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
        if self.traces and part == self.shelf.on_part(first) == self.shelf.on_part(second):
            lines += comparison.by_finding(self.shelf.findings(first), self.shelf.findings(second))
        return page(head, lines, 0, len(lines), 3 * 1000)

    # Looking at episodes

    def findings(self, version: str) -> str:
        """Return what a version or draft does wrong, the most important first, with the worst episode of each.

        Raises:
            InputError: there is none such, it did not run, or traces are not to be looked at.
        """
        self._need_traces()
        lines, place, found = [], self.shelf.names.place, self.shelf.findings(version)
        for finding in found[:TOLD]:
            lines.append(f"- {finding.kind}: {one_line(finding.message, 240)}")
            for w in finding.worst[:1]:
                episode = place(w.environment, w.question, w.beta, w.order)
                lines.append(f"  worst: {episode} (record {w.step}, {w.tokens:,} tokens)")
        if found[TOLD:]:
            less = ", ".join(f"{finding.kind} ({100 * finding.share:.1f}%)" for finding in found[TOLD:])
            lines.append(f"less important (% of episodes): {less}")
        head = [f"{version}, on {self._about(self.shelf.on_part(version))}"]
        return page(head, lines or ["no findings"], 0, len(lines))

    def find_episodes(
        self, version: str, kind: str, other: str | None = None, beta: float | None = None, limit: int = 5,
        offset: int = 0,
    ) -> str:  # fmt: skip
        """Return the episodes of a kind (`finding_episodes.Kind`): the worst of each question, then the second, ...

        Raises:
            InputError: an unknown version, kind or beta, ``other`` given where the kind takes none or missing where it
                does, or numbers out of range.
        """
        self._need_traces()
        chosen = next((k for k in get_args(Kind) if k == kind), None)
        if chosen is None:
            raise InputError(f"kind is {one_line(kind, 40)!r}, but must be one of {', '.join(KINDS)}")
        if (other is None) == (kind in PAIRED):
            need = "needs `other`, a second version" if other is None else "takes no `other`"
            raise InputError(f"kind {kind} {need}")
        _between("limit", limit, 1, 50)
        _between("offset", offset, 0, 10**9)
        part = self.shelf.on_part(version, other)
        tried = self.shelf.measured(version, part)
        rival = self.shelf.measured(other, part) if other is not None else None
        if beta is not None and not np.isclose(tried.betas, beta).any():
            raise InputError(f"beta is {beta:g}, but must be one of {', '.join(f'{b:g}' for b in tried.betas)}")
        found = select_episodes(chosen, tried, rival, beta)
        batch, window = tried.scores.episodes, found.which[offset : offset + limit]
        of = len(batch) if beta is None else int(np.isclose(batch.beta, beta).sum())
        head = [f"{kind} of {version}: {len(found.which):,} of {of:,} episodes, on {found.questions:,} questions"]
        if not len(window):
            return page(head, [], offset, len(found.which))
        rows: list[tuple[str, ...]] = [("episode", "answer", "tokens", "branches", "pruned", "ends right %")]
        ends_right = 100 * right_shares(batch.take(window))
        for e, share in zip(window.tolist(), ends_right.tolist(), strict=True):
            rows.append((self.shelf.names.handle(batch, e), *_outcome(tried, e), f"{share:.0f}"))
        if rival is not None:
            more = [(f"{other}:", "tokens"), *(_outcome(rival, e)[:2] for e in window.tolist())]
            rows = [(*row, *cells) for row, cells in zip(rows, more, strict=True)]
        head.append("ends right: of all recorded branches of the question")
        lines = table(rows)
        return page([*head, lines[0]], lines[1:], offset, len(found.which))

    def read_trace(self, version: str, episode: str, offset: int = 0) -> str:
        """Return one episode as compact text: what was done, and what every branch showed, from line ``offset`` on.

        Raises:
            InputError: there is no such version or episode, or it did not run.
        """
        self._need_traces()
        _between("offset", offset, 0, 10**9)
        tried = self.shelf.measured(version, self.shelf.on_part(version))
        index = self._find(tried, episode)
        handle = self.shelf.names.handle(tried.scores.episodes, index)
        read = trace_text(trace(tried.scores.episodes, tried.logs, index), f"{version} on {handle}")
        return page(read.head, read.lines[offset:], offset, len(read.lines), what=" lines")

    def _find(self, tried: Measurement, episode: str) -> int:
        parts = _HANDLE.fullmatch(episode.strip())
        if parts is None:
            raise InputError(f"episode is {one_line(episode, 60)!r}, but must be a handle such as e1:q7:b0.5:o1000")
        try:
            beta = float(parts[3])
        except ValueError:
            beta = -1.0
        batch = tried.scores.episodes
        place = (batch.environment == int(parts[1]) - 1) & (batch.question == int(parts[2]))
        found = np.flatnonzero(place & np.isclose(batch.beta, beta) & (batch.order == int(parts[4])))
        if not len(found):
            betas, orders = (", ".join(f"{v:g}" for v in np.unique(c).tolist()[:12]) for c in (batch.beta, batch.order))
            raise InputError(
                f"no episode {episode.strip()}: betas: {betas}; branch orders: {orders}; see find_episodes"
            )
        return int(found[0])

    def _need_traces(self) -> None:
        if not self.traces:
            raise InputError("findings and traces are not to be looked at in this run")

    # Trying

    def try_candidate(self, source: str, against: str | None = None) -> str:
        """Run a draft on a part of the search set, and return its curve beside others on the same episodes, and its
        findings. A draft that is refused, fails on the first few episodes, or is no other program than one before, is
        no draft, and told so.

        Args:
            source: a complete module.
            against: the version or draft to hold it against, beside the best version; the first parent if None.

        Raises:
            InputError: too many drafts, or ``against`` is unknown or did not run.
            SandboxError: the sandbox failed.
        """
        shelf, rivals = self.shelf, rivals_of(self.shelf, against)
        refused = policy.check(source)
        if not refused.ok:
            return f"not run: {refused.kind}: {shelf.said(refused.message)}"
        if (twin := self.twin_of(source)) is not None:
            known = shelf.twin(source)
            figures = format_version(shelf, known, rivals) if known in shelf.cards and shelf.cards[known].ok else ""
            return f"not run: {twin}; change what it does, not how it is written\n{figures}".rstrip()
        if (before := shelf.twin_draft(source)) is not None:
            same = "this is" if before.source == source else "but for names and notes this is"
            return f"not run again: {same} {before.name}\n{format_trial(shelf, before, rivals, self.traces)}"
        if len(shelf.tries) >= MOST_TRIES:
            raise InputError(f"{MOST_TRIES} drafts have been tried in this step: submit the best of them")
        name = f"try-{len(shelf.tries) + 1}"
        smoke = evaluate(Candidate(name, source), shelf.part.take(smoke_of(shelf.part)), self.sandbox)
        if not smoke.verdict.ok:
            said = shelf.said(smoke.verdict.message)
            return f"not run: it fails on the first few episodes: {smoke.verdict.kind}: {said}"
        found = evaluate(Candidate(name, source), shelf.part, self.sandbox)
        measured = (
            Measurement(found.logs, found.scores) if found.logs is not None and found.scores is not None else None
        )
        shelf.tries[name] = DraftTrial(name, source, found.verdict, measured)
        return format_trial(shelf, shelf.tries[name], rivals, self.traces)

    def twin_of(self, source: str) -> str | None:
        """Return in words which version is the same program as ``source``, or None; ``source`` must keep the policy."""
        twin = self.shelf.twin(source)
        if twin is None:
            return None
        if twin not in self.shelf.cards:
            return "it is the same program as an earlier version, but for names and notes"
        card = self.shelf.cards[twin]
        failed = "" if card.ok else f", which failed ({card.verdict}: {self.shelf.said(card.message)})"
        return f"it is the same program as {twin}{failed}, but for names and notes"


def _outcome(tried: Measurement, e: int) -> tuple[str, str, str, str]:
    scores = tried.scores
    right = "right" if scores.correct[e] else "wrong"
    return right, f"{scores.tokens[e]:,}", str(scores.opened[e]), str(int(scores.pruned[e].sum()))


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}, but must be from {low} to {high}")
