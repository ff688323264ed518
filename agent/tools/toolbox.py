"""The workbench as tools: their names, descriptions and arguments for a language model, and their calls.

All providers and the MCP server offer the same tools. The descriptions are the only manual that a model has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from autotts.envs.errors import DamagedFile, InputError

from ..records.version import Expectation
from ..records.workbench import DraftReport, EpisodeList, TryStatus, Workbench
from .arguments import (
    Arguments,
    CompareArguments,
    FindEpisodesArguments,
    FindingsArguments,
    ListVersionsArguments,
    ReadSourceArguments,
    ReadTraceArguments,
    ScalingCurveArguments,
    SubmitArguments,
    TryCandidateArguments,
)  # fmt: skip
from .submission import Submission, accept
from .text import one_line, plain
from .workbench import SOURCE_PAGE

_MOST = 3_100
"""Longest result in characters, unless it shows a source."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call."""

    text: str
    error: bool = False
    """Whether the call was wrong; the text then says in one line what is wrong."""
    status: TryStatus | None = None
    """How a try ended; None for the result of another tool, or if the call was wrong."""
    episodes: tuple[str, ...] = ()
    """The handles of the episodes that a list shows."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call."""

    name: str
    description: str
    """The manual: what the tool returns or does."""
    arguments: type[Arguments]
    run: Callable[[Toolbox, Any], str | DraftReport | EpisodeList]
    """Returns the text, and the typed values that programs need; raises `InputError` for errors of the caller."""
    most: int = _MOST
    """Longest result, in characters."""
    of_traces: bool = False
    """Whether the tool is missing in runs without traces."""


TOOLS: tuple[Tool, ...] = (
    Tool(
        "list_versions",
        "Lists tried controllers, one per line: id, generation, quality, difference to the best ± half its 95% "
        "interval, accuracy@tokens at three betas (45.2@3.1: 45.2% at 3,100 tokens per question), parents, "
        "rationale or failure.",
        ListVersionsArguments,
        lambda box, a: box.bench.list_versions(a.order, a.limit, a.offset),
    ),
    Tool(
        "read_source",
        f"Returns the source of a version or draft, {SOURCE_PAGE:,} characters at a time.",
        ReadSourceArguments,
        lambda box, a: box.bench.read_source(a.version, a.offset),
        SOURCE_PAGE + 100,
    ),
    Tool(
        "scaling_curve",
        "Shows versions by beta: accuracy with 95% interval, tokens and latency per question, and the best baseline's "
        "accuracy at the same tokens.",
        ScalingCurveArguments,
        lambda box, a: box.bench.scaling_curve(a.versions, a.every, a.offset),
        4_100,
    ),
    Tool(
        "compare",
        "Compares `second` with `first` on the same episodes: quality; accuracy, tokens, questions won and lost, by "
        "beta and environment (e1, ...); findings. If a 95% interval contains 0, nothing is proven.",
        CompareArguments,
        lambda box, a: box.bench.compare(a.first, a.second, a.every),
    ),
    Tool(
        "findings",
        "Diagnoses a version, most important finding first, with its worst episode: stopped_early (wrong; right if "
        "branches had run to the end), pruned_right (right ones were pruned), idle_tokens, "
        "idle_width (tokens spent, branches opened after the final answer led for good), hopeless (tokens on "
        "questions that no vote gets right), uneven_beta (uneven steps of beta).",
        FindingsArguments,
        lambda box, a: box.bench.findings(a.version),
        of_traces=True,
    ),
    Tool(
        "find_episodes",
        "Lists episodes of one kind, the worst of each question first: answer, tokens, branches opened and pruned, "
        "share of right branches.",
        FindEpisodesArguments,
        lambda box, a: box.bench.list_episodes(a.version, a.kind, a.other, a.beta, a.limit, a.offset),
        of_traces=True,
    ),
    Tool(
        "read_trace",
        "Shows one episode: votes, actions, and each branch by intervals. Answers are letters in order of appearance; "
        "* is the right answer, - none.",
        ReadTraceArguments,
        lambda box, a: box.bench.read_trace(a.version, a.episode, a.offset),
        of_traces=True,
    ),
    Tool(
        "try_candidate",
        "Runs a draft in seconds on a part of the search set (another in each task): quality against the first parent "
        "and the best version, curve beside the best baseline and the front, findings; or the error. Other tools then "
        "accept it as try-1, ...",
        TryCandidateArguments,
        lambda box, a: box.bench.try_draft(a.source, a.against),
    ),
    Tool(
        "submit",
        "Submits the candidate for evaluation on the whole search set. Once accepted, this task is over; a refusal "
        "says what to change.",
        SubmitArguments,
        lambda box, a: box.submit(a),
    ),
)  # fmt: skip
"""All tools, in the order in which they are offered."""


def specifications(traces: bool = True) -> list[dict[str, Any]]:
    """Return name, description and input_schema (JSON schema without references) of each tool; always the same."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": _schema(tool.arguments)}
        for tool in _offered(traces)
    ]


def _offered(traces: bool) -> list[Tool]:
    return [tool for tool in TOOLS if traces or not tool.of_traces]


class Toolbox:
    """The tools of one workbench.

    Args:
        bench: the workbench.

    Attributes:
        submitted: the accepted submission; None before.
    """

    def __init__(self, bench: Workbench) -> None:
        self.bench: Workbench = bench
        self.submitted: Submission | None = None
        self._tools = {tool.name: tool for tool in _offered(bench.traces)}

    def specifications(self) -> list[dict[str, Any]]:
        """Return the specifications of the tools that this workbench offers."""
        return specifications(self.bench.traces)

    def call(self, name: str, arguments: Mapping[str, Any] | str) -> ToolResult:
        """Call a tool. Errors of the caller are in the result.

        Args:
            name: name of the tool.
            arguments: an object, or its JSON text.

        Raises:
            DamagedFile: a file of the run is damaged.
            SandboxError: the sandbox failed.
        """
        tool = self._tools.get(name)
        if tool is None:
            return _wrong(f"no tool {one_line(str(name), 60)!r}: there are {', '.join(self._tools)}")
        try:
            given = _object(arguments)
            shown = tool.run(self, tool.arguments.model_validate(given))
        except ValidationError as error:
            return _wrong(f"{name}: {_first_error(error, tool.arguments)}")
        except DamagedFile:
            raise
        except InputError as error:
            return _wrong(f"{name}: {error}")
        text = _capped(plain(shown if isinstance(shown, str) else shown.text, tabs=True), tool.most)
        return ToolResult(
            text,
            status=shown.status if isinstance(shown, DraftReport) else None,
            episodes=shown.handles if isinstance(shown, EpisodeList) else (),
        )

    def submit(self, given: SubmitArguments) -> str:
        """Accept a submission.

        Raises:
            InputError: the submission is refused.
        """
        if self.submitted is not None:
            raise InputError("a candidate has been submitted and accepted: this task is over")
        expects = [Expectation(expected.metric, expected.direction) for expected in given.expects]
        self.submitted = accept(self.bench, given.source, given.rationale, given.parents, expects)
        return "accepted: it will be evaluated on the whole search set; this task is over"


def _object(arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the arguments as an object.

    Raises:
        InputError: they are not a JSON object.
    """
    try:
        given = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError) as error:
        raise InputError(f"the arguments are not JSON ({error})") from None
    if not isinstance(given, Mapping):
        raise InputError("the arguments are not one JSON object")
    return dict(given)


def _wrong(message: str) -> ToolResult:
    return ToolResult(one_line(message, 400), error=True)


def _capped(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 8] + "\n(cut)"


def _first_error(error: ValidationError, arguments: type[Arguments]) -> str:
    """Return in one line the first error in ``arguments``."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"]
    if first["type"] == "missing":
        message = "this argument is required"
    elif first["type"] == "extra_forbidden":
        names = ", ".join(arguments.model_fields) if len(first["loc"]) == 1 else ""
        message = "no such argument" + (f": there are {names}" if names else "")
    return f"{where + ': ' if where else ''}{message}{more}"


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    plain_schema = _plain(schema, schema.get("$defs", {}))
    assert isinstance(plain_schema, dict)
    plain_schema.pop("description", None)  # the docstring of the class, which is not for models
    return plain_schema


_OMITTED = ("title", "$defs", "properties", "minimum", "maximum", "maxLength", "minItems", "maxItems")


def _plain(part: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a part of a schema without titles, references, null and bounds.

    Not every provider understands references and null. Bounds are omitted because an error names an exceeded bound.
    """
    if isinstance(part, list):
        return [_plain(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = {**definitions[part["$ref"].rpartition("/")[2]], **{k: v for k, v in part.items() if k != "$ref"}}
    choices = [choice for choice in part.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        part = {**choices[0], **{key: value for key, value in part.items() if key not in ("anyOf", "default")}}
    properties = part.get("properties", {})
    rest = {k: _plain(v, definitions) for k, v in part.items() if k not in _OMITTED}
    if properties:
        rest["properties"] = {name: _plain(value, definitions) for name, value in properties.items()}
    return rest
