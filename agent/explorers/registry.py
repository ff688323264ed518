"""The explorers by name, and what each needs to be made for a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError
from autotts.envs.plugins import find_factory, is_plugin, make
from autotts.sandbox.choice import NAMES as SANDBOXES

from ..archive.run_directory import Run, RunConfig
from ..records.events import EventListener
from ..records.explorer import EVOLUTIONARY, EXPLORER_ATTRIBUTES, Brief, Explorer
from ..reports.trackers.base import BUILT_IN as TRACKERS
from ..reports.trackers.follow import TrackingState

if TYPE_CHECKING:
    from ..llm.budget import SpendingLimit
    from ..llm.calls import CallJournal
    from ..llm.prices import Prices
    from ..llm.session import ConversationPrompt, SessionTools
    from .coding_agent.explorer import AgentCommand

_LOG = logging.getLogger("autotts")

NAMES = (*EVOLUTIONARY, "anthropic", "openai", "command", "mixture")
GROUP = "autotts.explorers"
"""Group of the entry points by which other packages offer explorers (see `Explorer`)."""
CALL_A_MODEL = ("anthropic", "openai")
"""Explorers that call a language model of a provider."""
_DEFAULT_MODEL = {"anthropic": "claude-sonnet-5-5"}
HOLDOUT = 0.3
"""Default share of the questions that is held out from explorers that write free code."""



def with_model(config: RunConfig) -> RunConfig:
    """Return ``config`` with the default model of its explorer, if it names no model and there is a default."""
    calling = set(_named(config)) & set(CALL_A_MODEL)
    if config.model or len(calling) != 1:
        return config
    return config.model_copy(update={"model": _DEFAULT_MODEL.get(calling.pop(), "")})


def members(config: RunConfig) -> tuple[str, ...]:
    """Return the names of the explorers of a run.

    Raises:
        InputError: an explorer is unknown, or one of its settings is missing.
    """
    names = _named(config)
    if config.explorer == "mcp":
        raise InputError("the explorer of this run is a person's own agent: go on with `autotts mcp --run DIR`")
    for name in (config.explorer, *names):
        if (name not in NAMES and not is_plugin(name, GROUP)) or (name == "mixture" and config.explorer != "mixture"):
            ours = ", ".join(NAMES)
            raise InputError(f"no explorer {name!r}: there are {ours}, or your own as package.module:object")
    if config.explorer == "mixture" and (len(set(names)) < 2 or "mixture" in names):
        raise InputError("a mixture takes two explorers or more: --mixture evolve anthropic, say")
    if "command" in names and not config.command:
        raise InputError("the explorer `command` needs --command: the name of a coding agent, or a command line")
    calling = [name for name in names if name in CALL_A_MODEL]
    if calling and not config.model:
        raise InputError(f"--model is missing: the explorer {calling[0]} has no default")
    return names


def _named(config: RunConfig) -> tuple[str, ...]:
    return config.mixture if config.explorer == "mixture" else (config.explorer,)


def default_holdout(explorer: str, mixture: Sequence[str] = (), own: Explorer | None = None) -> float:
    """Return the share of the questions that a run holds out if the user names none.

    It is `HOLDOUT` if candidates may hold any code, which could memorise questions, and 0 for `EVOLUTIONARY`, whose
    genomes cannot. An explorer of the user's own declares with ``writes_free_code = False`` that it cannot either.

    Args:
        explorer: the name of the explorer.
        mixture: the members of a mixture.
        own: the explorer itself, if it is an object.

    Raises:
        InputError: an explorer of the user's own cannot be made.
    """
    if own is not None:
        return HOLDOUT if writes_free_code(own) else 0.0
    names = mixture if explorer == "mixture" else (explorer,)
    free = (name not in EVOLUTIONARY and (name in NAMES or not is_plugin(name, GROUP) or writes_free_code(_own(name)))
            for name in names)  # fmt: skip
    return HOLDOUT if any(free) else 0.0


def writes_free_code(explorer: Explorer) -> bool:
    """Return whether candidates of ``explorer`` may hold any code: it does not declare otherwise."""
    return bool(getattr(explorer, "writes_free_code", True))


def check_requirements(config: RunConfig, prices: Prices, *limits: SpendingLimit) -> None:
    """Check the external requirements of the explorers: keys, prices, programs. It writes nothing.

    Args:
        config: the settings of the run.
        prices: prices of language models.
        limits: limits on what the run may spend.

    Raises:
        InputError: a setting, an SDK or a program is missing or wrong, or a limit is in dollars without a price.
        MissingKey: an API key is missing.
    """
    check_limits(config, prices, *limits)
    for name in members(config):
        if name == "command":
            _agent(config)
        elif name not in NAMES:
            _own(name)
        elif name in CALL_A_MODEL:
            import_module(f".llm.{name}", __package__).key()


def check_limits(config: RunConfig, prices: Prices, *limits: SpendingLimit) -> None:
    """Check that each limit in dollars can hold.

    Raises:
        InputError: the model is missing, or its price is not known.
    """
    if set(_named(config)) & set(CALL_A_MODEL) and any(limit.dollars is not None for limit in limits):
        members(config)  # a missing model has no price
        prices.check_limit(config.model)


def make_explorer(run: Run, calls: CallJournal, report: EventListener, data: Path) -> Explorer:
    """Return the explorer of ``run``.

    Args:
        run: the run, whose settings name the explorer.
        calls: the journal of calls of the run.
        report: gets an event at the end of each conversation.
        data: the data root, which a coding agent must not see.

    Raises:
        InputError: a setting is missing or wrong.
        ExplorerError: an API key is missing.
    """
    if not run.config.explorer_by_name:
        raise InputError(
            f"the explorer of {run.home} is an object of {run.config.explorer} with a state of its own: pass it, "
            f"autotts.resume({str(run.home)!r}, explorer=...), or its place, `autotts resume {run.home} --explorer "
            "package.module:object`"
        )
    made = [_make(name, run, calls, report, data) for name in members(run.config)]
    if run.config.explorer != "mixture":
        return made[0]
    from .mixture import MixtureExplorer

    return MixtureExplorer(made)


def _own(name: str) -> Explorer:
    """Return an explorer of the user: an object, or a class or function that is called without arguments."""
    factory = find_factory("explorer", name, GROUP, NAMES, EXPLORER_ATTRIBUTES)
    made: Explorer = make("explorer", name, factory, EXPLORER_ATTRIBUTES)
    return made


def code_named_by(run: Run, sandbox: str | None = None) -> list[str]:
    """Return, in words, the code outside of every sandbox that a run directory names.

    Args:
        run: the run.
        sandbox: the sandbox that is used in place of the one of its settings.
    """
    config, tracking = run.config, TrackingState.of(run.home)
    sandbox = sandbox or config.sandbox
    found = [f"the explorer {name}" for name in _named(config) if name not in (*NAMES, "mcp")]
    if "command" in _named(config):
        passed = f", which gets {', '.join(config.agent_variables)}" if config.agent_variables else ""
        found.append(f"the coding agent `{config.command}`{passed}")
    if sandbox not in SANDBOXES:
        found.append(f"the sandbox {sandbox}")
    elif sandbox == "process":
        found.append("candidates, in a plain process")
    if tracking is not None and tracking.tracker not in TRACKERS:
        found.append(f"the tracker {tracking.tracker}")
    return found


def tell_code(run: Run, sandbox: str | None = None) -> None:
    """Tell the user what runs with all rights of the user when a run is resumed: its directory alone names it."""
    if found := code_named_by(run, sandbox):
        _LOG.info("as the settings of %s say, this runs with all your rights: %s", run.home, "; ".join(found))


def replacement(run: Run, name: str) -> Explorer:
    """Return an explorer of the user that stands for the one of a run, which has moved or cannot be made by its name.

    Raises:
        InputError: the run has a built-in explorer, or there is no such explorer.
    """
    if run.config.explorer in NAMES or not is_plugin(name, GROUP):
        raise InputError(
            f"--explorer says where an explorer of your own is now, as package.module:object; {run.home} was begun "
            f"with {run.config.explorer}, and `autotts fork {run.home}` begins a run with another explorer"
        )
    return _own(name)


def _make(name: str, run: Run, calls: CallJournal, report: EventListener, data: Path) -> Explorer:
    if name not in NAMES:
        try:
            return _own(name)
        except InputError as error:
            raise InputError(f"{error}; if it has moved: `autotts resume {run.home} --explorer NAME`") from error
    if name == "evolve":
        from .evolve.explorer import EvolveExplorer

        return EvolveExplorer()
    if name == "formulas":
        from .evolve.formulas.search import FormulaExplorer

        return FormulaExplorer()
    if name == "command":
        from .coding_agent.explorer import CodingAgentExplorer

        place = workspaces(run)
        if place is None:
            raise InputError(f"{run.home}: a coding agent works in files: keep its run in a directory")
        hidden = [place.parent.absolute(), data.absolute()]
        return CodingAgentExplorer(
            _agent(run.config), place, hidden, budget=calls.budget, ablations=run.config.ablations
        )
    if name == "openai":
        from .llm.openai import OpenAIExplorer

        return OpenAIExplorer(run.config.model, calls, _prompt(run), _tools, report=report)
    from .llm.anthropic import AnthropicExplorer

    return AnthropicExplorer(run.config.model, calls, _prompt(run), _tools, report=report)


def _agent(c: RunConfig) -> AgentCommand:
    from .coding_agent.explorer import AgentCommand

    return AgentCommand.make(c.command, c.model or None, c.agent_minutes, c.agent_tries, c.agent_variables)


def workspaces(run: Run) -> Path | None:
    """Return the directory of the workspaces of coding agents; None if the run is not on this machine."""
    return run.home / "workspaces" if isinstance(run.home, Path) else None


def _prompt(run: Run) -> Callable[[Brief, str], ConversationPrompt]:
    from .prompts.briefing import prompt

    return lambda brief, step: prompt(brief, step, run.config.ablations)


def _tools(brief: Brief) -> SessionTools:
    from ..tools.toolbox import Toolbox

    if brief.bench is None:
        raise InputError("a language model needs a workbench in its brief")
    return Toolbox(brief.bench)
