"""AutoTTS: discovers, from recorded trajectories, how a language model should spend its tokens at inference time.

Everything that a program needs is here; `autotts.testing` holds the checks for explorers, sandboxes and controllers of
your own. `autotts docs library` describes each name. Example::

    import autotts

    discovery = autotts.discover(env="synthetic/small", generations=3, run="runs/first")
    for event in discovery:
        print(event)
    print(discovery.result().best)
"""

import logging as _logging
import typing as _typing
from importlib import import_module as _import_module

_logging.getLogger("autotts").addHandler(_logging.NullHandler())  # a library is silent until the caller sets it up

if _typing.TYPE_CHECKING:
    from autotts.agent.archive.best import BestVersion
    from autotts.agent.archive.run_report import RunReport
    from autotts.agent.archive.version import FreshResults, Version
    from autotts.agent.live.asking import LiveAnswer
    from autotts.agent.llm.failures import ExplorerError
    from autotts.agent.loop.nodes import ExplorerFailed
    from autotts.agent.records.card import Card
    from autotts.agent.records.events import (
        CandidateEvaluated,
        ConversationEnded,
        Event,
        GenerationArchived,
        GenerationStarted,
        RunFinished,
        RunStarted,
        RunStopped,
        SlotAnswered,
        TrackerFailed,
    )
    from autotts.agent.records.explorer import Brief, Explorer, LimitReached, Proposal
    from autotts.agent.records.version import BriefVersion, CurvePoint, Finding, ScalingCurve
    from autotts.agent.reports.replay.results import ReplayResults
    from autotts.agent.reports.trackers.base import Tracker
    from autotts.envs.contract.controller import Controller, confidence, leader, majority, weighted_majority
    from autotts.envs.contract.question import BudgetSpent, IllegalAction, Probe, Question, TokensSpent
    from autotts.envs.errors import DamagedFile, InputError
    from autotts.envs.live.collecting.session import CollectionStopped
    from autotts.envs.live.exchange import Sampling
    from autotts.envs.live.question import LiveQuestion
    from autotts.envs.statistics import CurveDifference, Point
    from autotts.envs.store import Environment
    from autotts.sandbox.backends.process import ProcessSandbox
    from autotts.sandbox.base import Sandbox, SandboxError, SandboxLimits
    from autotts.sandbox.evaluation import CandidateFailed, Evaluation
    from autotts.sandbox.outcome import Candidate, Verdict

    from ._archive import ArchiveView, open_archive
    from ._collecting import collect
    from ._discovery import discover, resume
    from ._discovery_run import DiscoveryRun
    from ._environments import load_environment
    from ._evaluation import compare, evaluate
    from ._live import LiveModel, connect
    from ._replay import replay

_HOMES = {
    "autotts.agent.archive.best": ("BestVersion",),
    "autotts.agent.archive.run_report": ("RunReport",),
    "autotts.agent.archive.version": ("FreshResults", "Version"),
    "autotts.agent.live.asking": ("LiveAnswer",),
    "autotts.agent.llm.failures": ("ExplorerError",),
    "autotts.agent.loop.nodes": ("ExplorerFailed",),
    "autotts.agent.records.card": ("Card",),
    "autotts.agent.records.events": (
        "CandidateEvaluated", "ConversationEnded", "Event", "GenerationArchived", "GenerationStarted", "RunFinished",
        "RunStarted", "RunStopped", "SlotAnswered", "TrackerFailed",
    ),
    "autotts.agent.records.explorer": ("Brief", "Explorer", "LimitReached", "Proposal"),
    "autotts.agent.records.version": ("BriefVersion", "CurvePoint", "Finding", "ScalingCurve"),
    "autotts.agent.reports.replay.results": ("ReplayResults",),
    "autotts.agent.reports.trackers.base": ("Tracker",),
    "autotts._archive": ("ArchiveView", "open_archive"),
    "autotts._collecting": ("collect",),
    "autotts._discovery": ("discover", "resume"),
    "autotts._discovery_run": ("DiscoveryRun",),
    "autotts._environments": ("load_environment",),
    "autotts._evaluation": ("compare", "evaluate"),
    "autotts._live": ("LiveModel", "connect"),
    "autotts._replay": ("replay",),
    "autotts.envs.contract.controller": ("Controller", "confidence", "leader", "majority", "weighted_majority"),
    "autotts.envs.contract.question": ("BudgetSpent", "IllegalAction", "Probe", "Question", "TokensSpent"),
    "autotts.envs.errors": ("DamagedFile", "InputError"),
    "autotts.envs.live.exchange": ("Sampling",),
    "autotts.envs.live.question": ("LiveQuestion",),
    "autotts.envs.live.collecting.session": ("CollectionStopped",),
    "autotts.envs.statistics": ("CurveDifference", "Point"),
    "autotts.envs.store": ("Environment",),
    "autotts.sandbox.backends.process": ("ProcessSandbox",),
    "autotts.sandbox.base": ("Sandbox", "SandboxError", "SandboxLimits"),
    "autotts.sandbox.evaluation": ("CandidateFailed", "Evaluation"),
    "autotts.sandbox.outcome": ("Candidate", "Verdict"),
}
_HOME = {_name: _module for _module, _names in _HOMES.items() for _name in _names}

__all__ = [
    "ArchiveView",
    "BestVersion",
    "Brief",
    "BriefVersion",
    "BudgetSpent",
    "Candidate",
    "CandidateEvaluated",
    "CandidateFailed",
    "Card",
    "CollectionStopped",
    "Controller",
    "ConversationEnded",
    "CurveDifference",
    "CurvePoint",
    "DamagedFile",
    "DiscoveryRun",
    "Environment",
    "Evaluation",
    "Event",
    "Explorer",
    "ExplorerError",
    "ExplorerFailed",
    "Finding",
    "FreshResults",
    "GenerationArchived",
    "GenerationStarted",
    "IllegalAction",
    "InputError",
    "LimitReached",
    "LiveAnswer",
    "LiveModel",
    "LiveQuestion",
    "Point",
    "Probe",
    "ProcessSandbox",
    "Proposal",
    "Question",
    "ReplayResults",
    "RunFinished",
    "RunReport",
    "RunStarted",
    "RunStopped",
    "Sampling",
    "Sandbox",
    "SandboxError",
    "SandboxLimits",
    "ScalingCurve",
    "SlotAnswered",
    "TokensSpent",
    "Tracker",
    "TrackerFailed",
    "Verdict",
    "Version",
    "collect",
    "compare",
    "confidence",
    "connect",
    "discover",
    "evaluate",
    "leader",
    "load_environment",
    "majority",
    "open_archive",
    "replay",
    "resume",
    "weighted_majority",
]


if not _typing.TYPE_CHECKING:  # a type checker would take every name for an attribute

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used: the import of numpy, LangGraph or Docker's SDK takes a while."""
        if name not in _HOME:
            raise AttributeError(f"module 'autotts' has no attribute {name!r}; see `autotts docs library`")
        value = globals()[name] = getattr(_import_module(_HOME[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
