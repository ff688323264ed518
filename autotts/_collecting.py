"""Makes an environment: asks a live model every question many times."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from autotts.agent.cli import collect as command
from autotts.agent.cli.live_options import ServerAddress
from autotts.envs import store
from autotts.envs.defaults import ALTERNATIVES
from autotts.envs.errors import InputError
from autotts.envs.live.collecting.session import CollectionStopped, CollectSnapshot, CollectWatcher
from autotts.envs.live.collecting.session import collect as collect_branches
from autotts.envs.signals import GROUP_TOKENS
from autotts.envs.store import Environment

from ._discovery_run import warn


def collect(
    questions: str | os.PathLike[str],
    base_url: str | Sequence[str],
    name: str | None = None,
    *,
    model: str | None = None,
    api_key: str | None = None,
    branches: int | None = None,
    delta: int | None = None,
    branch_tokens: int | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    seed: int = 0,
    probe_suffix: str | None = None,
    probe_tokens: int | None = None,
    probe_cost: int = 0,
    verifier: str | None = None,
    verify_cost: int = 0,
    fork_at: Sequence[int] = (),
    forks: int | None = None,
    alternatives: int = ALTERNATIVES,
    group_tokens: int = GROUP_TOKENS,
    extract: Sequence[str] = ("boxed",),
    extract_gold: Sequence[str] = (),
    answers: str | None = None,
    mapping: Mapping[str, str] | None = None,
    template: str | None = None,
    system: str | None = None,
    split: str | None = None,
    sheet: str | None = None,
    most_questions: int | None = None,
    allow_skips: bool = False,
    concurrency: int = 64,
    timeout: float = 600.0,
    max_tokens_total: int | None = None,
    max_dollars: float | None = None,
    max_hours: float | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    max_lost: float = 0.1,
    output: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    replace: bool = False,
    restart: bool = False,
    progress: Callable[[CollectSnapshot], None] | None = None,
) -> Environment:
    """Ask a live model every question many times, and return the environment of its branches, which is also written.

    It does what ``autotts collect`` does. Every finished request is kept in a work directory beside the file, so that
    the same call goes on after an interruption, and asks for nothing twice. Must not be called from a running event
    loop.

    Args:
        questions: a file of questions: JSONL, a table, Parquet, or a Hugging Face data set on disk.
        base_url: the address of an OpenAI-compatible server, or of several that serve the same model.
        name: name of the environment, ``benchmark/model``; with ``output`` by default the name of that file.
        model: name of the model; None for the only one of the server.
        api_key: the key of the server, if it wants one. It is never written.
        branches: branches of a question; None for a number that suits the model.
        delta: tokens of an interval; None for a number that suits the model.
        branch_tokens: tokens of a branch at most; None for as many as the context has.
        temperature: of the branches; 0 is greedy.
        top_p: draw among the likeliest tokens that have this probability together.
        top_k: draw among the likeliest tokens; 0 for all.
        min_p: leave out tokens with less than this share of the likeliest one's probability.
        seed: seed of every request, if the server takes one.
        probe_suffix: text after a branch that makes the model answer, or the name of a family of models.
        probe_tokens: tokens of a probe's answer at most.
        probe_cost: tokens that replay charges for a probe.
        verifier: scores every branch after each interval: ``FILE.py:function``, or the address of a server.
        verify_cost: tokens that replay charges for a verification.
        fork_at: intervals after which each branch that still runs is forked.
        forks: forks of a branch at each of them; 2 if None.
        alternatives: likeliest tokens of which the confidence of a token is the mean.
        group_tokens: tokens of a DeepConf group.
        extract: how the answer is found in a text, see ``--extract``.
        extract_gold: how the gold answer is found in its text; by default it is taken as it stands.
        answers: how answers are compared; None chooses from the gold answers.
        mapping: where the file holds ``question``, ``messages``, ``gold_answer`` and ``question_id``.
        template: message to the model, with ``{question}`` in it.
        system: system message.
        split: split of a Hugging Face data set.
        sheet: sheet of a workbook.
        most_questions: take this many questions from the beginning.
        allow_skips: leave out rows without a question or a usable gold answer.
        concurrency: requests to each server at a time.
        timeout: longest time of a request, with all its retries, in seconds.
        max_tokens_total: generate at most this many tokens, over all calls that collect this environment.
        max_dollars: spend at most this many dollars, over all of them.
        max_hours: stop this call after so many hours.
        price_in: dollars for a million prompt tokens.
        price_out: dollars for a million generated tokens.
        max_lost: stop if more than this share of the branches is lost.
        output: the file to write; None for its place in the data root.
        data: the data root; ``$AUTOTTS_DATA``, else ``./data``, if None.
        replace: overwrite an environment of this name.
        restart: drop what an earlier call has collected.
        progress: called after each request. It must be quick.

    Raises:
        InputError: the questions, a server or a setting cannot be used.
        CollectionStopped: a limit or a failure ended the work; the same call goes on.
    """
    options = {
        key: value for key, value in locals().items() if key not in ("base_url", "mapping", "progress", "api_key")
    }
    args = argparse.Namespace(
        **options, max_tokens=None, prices=None, dry_run=False, questions_file=os.fspath(questions),
        map=[f"{field}={path}" for field, path in (mapping or {}).items()],
    )  # fmt: skip
    args.questions, args.extract, args.extract_gold = most_questions, list(extract), list(extract_gold)
    args.fork_at = ",".join(map(str, fork_at)) or None
    args.data = None if data is None else os.fspath(data)
    args.output = None if output is None else os.fspath(output)
    urls = [base_url] if isinstance(base_url, str) else list(base_url)
    if not urls:
        raise InputError("base_url names no server")
    chosen, path = command.target(args)
    plan = command.plan_of(args, chosen, path, command.questions_of(args))
    servers = [ServerAddress(url.rstrip("/"), model, api_key) for url in urls]
    endpoints = [(server.base_url, command.connection(args, server)) for server in servers]
    watcher = CollectWatcher(progress=progress or (lambda snapshot: None), notice=warn)
    outcome = asyncio.run(collect_branches(plan, endpoints, watcher))
    if outcome.made is None:
        why = outcome.stopped.why if outcome.stopped else "it ended early"
        raise CollectionStopped(f"{why}; what was collected is kept in {plan.home}: the same call goes on")
    store.save(outcome.made.environment, Path(path))
    return outcome.made.environment
