"""The workbench as tools: what a language model is told of each, and what it gets back.

The same for every provider and for the MCP server. The descriptions are the manual that a model has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from envs.errors import DamagedFile, InputError

from ..records.version import Expectation
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
from .workbench import MOST_CURVES, SOURCE_PAGE, SearchWorkbench

_MOST = 3_100
"""Characters of a result, unless it is a source."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gives."""

    text: str
    error: bool = False
    """Whether the call was wrong: the text says in one line how."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may call."""

    name: str
    description: str
    """The manual: what is returned, and what for."""
    arguments: type[Arguments]
    run: Callable[[Toolbox, Any], str]
    """Returns the text; raises `InputError` for what the caller got wrong."""
    most: int = _MOST
    """Characters of a result."""
    of_traces: bool = False
    """Whether it is gone where traces are not to be looked at."""


TOOLS: tuple[Tool, ...] = (
    Tool(
        "list_versions",
        "All controllers tried, one a line: id, generation, quality (the figure to raise), its difference to the best "
        "with half the 95% interval, accuracy % @ thousand tokens at three betas, parents, rationale or failure.",
        ListVersionsArguments,
        lambda box, a: box.bench.list_versions(a.order, a.limit, a.offset),
    ),
    Tool(
        "read_source",
        f"A version's or draft's source, {SOURCE_PAGE:,} characters at a time.",
        ReadSourceArguments,
        lambda box, a: box.bench.read_source(a.version, a.offset),
        SOURCE_PAGE + 100,
    ),
    Tool(
        "scaling_curve",
        f"1 to {MOST_CURVES} versions by beta: accuracy with 95% interval, tokens, latency, what the best hand-written "
        "seed attains with these tokens. With a draft, all on the draft's part of the search set.",
        ScalingCurveArguments,
        lambda box, a: box.bench.scaling_curve(a.versions, a.every, a.offset),
        4_100,
    ),
    Tool(
        "compare",
        "What the second has over the first on the same episodes: quality (at equal tokens), accuracy, "
        "tokens, questions won and lost by beta and environment (e1, ...); findings. An interval that holds 0 proves "
        "nothing; a gain in one environment alone may be chance.",
        CompareArguments,
        lambda box, a: box.bench.compare(a.first, a.second, a.every),
    ),
    Tool(
        "findings",
        "Diagnosis, most important first, with the worst episode: stopped_early (wrong, but the open branches, or only "
        "all, run to the end, would be right), pruned_right (right branches given up), idle_tokens, idle_width (spent "
        "once the answer led for good), hopeless (spent where no vote can win), uneven_beta (steps of beta that add "
        "nothing or too much).",
        FindingsArguments,
        lambda box, a: box.bench.findings(a.version),
        of_traces=True,
    ),
    Tool(
        "find_episodes",
        "Episodes of a kind, the worst of each question first: answer, tokens, branches, % of the question's recorded "
        "branches that end right. Kinds as in findings; most_wasted: idle tokens; with `other`: lost_to (other right, "
        "version wrong), gained_on (the reverse).",
        FindEpisodesArguments,
        lambda box, a: box.bench.find_episodes(a.version, a.kind, a.other, a.beta, a.limit, a.offset),
        of_traces=True,
    ),
    Tool(
        "read_trace",
        "One episode: votes, every action, every branch by intervals. Answers are letters in order of appearance, * is "
        "right, - none. Change the rule, not the case.",
        ReadTraceArguments,
        lambda box, a: box.bench.read_trace(a.version, a.episode, a.offset),
        of_traces=True,
    ),
    Tool(
        "try_candidate",
        "Runs a draft on a part of the search set (another in every task) in seconds: quality against the first parent "
        "and the best, curve beside the baselines' and the front's, findings; or why it failed, with the line. Other "
        "tools "
        "then know it as try-1, ... Gains shrink on the whole search set, the more the more drafts were tried.",
        TryCandidateArguments,
        lambda box, a: box.bench.try_candidate(a.source, a.against),
    ),
    Tool(
        "submit",
        "Hands in the candidate, to be tried on the whole search set, audited for looking ahead, and archived. Once "
        "accepted, this task is over; a refusal says what to mend.",
        SubmitArguments,
        lambda box, a: box.submit(a),
    ),
)  # fmt: skip
"""All tools, in the order in which they are offered."""


def specifications(traces: bool = True) -> list[dict[str, Any]]:
    """Return name, description and input_schema (JSON schema without references) of each tool: always the same."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": _schema(tool.arguments)}
        for tool in _offered(traces)
    ]


def _offered(traces: bool) -> list[Tool]:
    return [tool for tool in TOOLS if traces or not tool.of_traces]


class Toolbox:
    """The tools of one workbench.

    Args:
        bench: what they look at.

    Attributes:
        submitted: what was handed in and accepted, or None.
    """

    def __init__(self, bench: SearchWorkbench) -> None:
        self.bench: SearchWorkbench = bench
        self.submitted: Submission | None = None
        self._tools = {tool.name: tool for tool in _offered(bench.traces)}

    def specifications(self) -> list[dict[str, Any]]:
        """Return the specification of each tool that there is."""
        return specifications(self.bench.traces)

    def call(self, name: str, arguments: Mapping[str, Any] | str) -> ToolResult:
        """Call a tool. What the caller gets wrong is in the result.

        Args:
            name: of the tool.
            arguments: an object, or the JSON of one.

        Raises:
            Damaged: a file of the run is damaged.
            SandboxError: the sandbox failed.
        """
        tool = self._tools.get(name)
        if tool is None:
            return _wrong(f"no tool {one_line(str(name), 60)!r}: there are {', '.join(self._tools)}")
        try:
            given = _object(arguments)
            text = tool.run(self, tool.arguments.model_validate(given))
        except ValidationError as error:
            return _wrong(f"{name}: {_first_error(error, tool.arguments)}")
        except DamagedFile:
            raise
        except InputError as error:
            return _wrong(f"{name}: {error}")
        return ToolResult(_capped(plain(text, tabs=True), tool.most))

    def submit(self, given: SubmitArguments) -> str:
        """Take what is handed in.

        Raises:
            InputError: it is refused.
        """
        if self.submitted is not None:
            raise InputError("a candidate has been submitted and accepted: this task is over")
        expects = [Expectation(expected.metric, expected.direction) for expected in given.expects]
        self.submitted = accept(self.bench, given.source, given.rationale, given.parents, expects)
        return "accepted: it will be tried on the whole search set; this task is over"


def _object(arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return arguments as an object.

    Raises:
        InputError: they are none.
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
    """Return in one line what is wrong with the first of ``arguments`` that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    said = first["msg"]
    if first["type"] == "missing":
        said = "this argument is required"
    elif first["type"] == "extra_forbidden":
        names = ", ".join(arguments.model_fields) if len(first["loc"]) == 1 else ""
        said = "no such argument" + (f": there are {names}" if names else "")
    return f"{where + ': ' if where else ''}{said}{more}"


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    plain_schema = _plain(schema, schema.get("$defs", {}))
    assert isinstance(plain_schema, dict)
    plain_schema.pop("description", None)  # ours, of the class: the tool's own says what it is for
    return plain_schema


_UNTOLD = ("title", "$defs", "properties", "minimum", "maximum", "maxLength", "minItems", "maxItems")


def _plain(part: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a part of a schema without titles, references and null, which not every provider understands, and without
    bounds: who oversteps one is told."""
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
    rest = {k: _plain(v, definitions) for k, v in part.items() if k not in _UNTOLD}
    if properties:
        rest["properties"] = {name: _plain(value, definitions) for name, value in properties.items()}
    return rest
