"""Writes the generated parts of docs/command.md, and docs/command.schema.json: `python -m benchmarks.command_page`.

A test compares the files with the program.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from autotts.agent.cli.command_parser import GENERAL, CommandParser
from autotts.agent.cli.json_documents import DOCUMENTS
from autotts.agent.cli.main import parser

ROOT = Path(__file__).resolve().parents[1]
PAGE, SCHEMAS = ROOT / "docs" / "command.md", ROOT / "docs" / "command.schema.json"
Schema = dict[str, Any]


def commands(command: CommandParser) -> Iterator[CommandParser]:
    """Yield every command that can be called, in the order of the help texts."""
    children = command.subcommands()
    if not children:
        yield command
    for each in children.values():
        yield from commands(each)


def options() -> str:
    """Return the section on the options of every command."""
    lines = ["Every command has these options:", ""]
    every = list(commands(parser()))
    lines += [*map(_option, _of_group(every[0], GENERAL)), ""]
    for command in every:
        lines += [f"### {command.prog}", "", f"{str(command.description).replace('%%', '%')}.", "", "```"]
        lines += [line.strip() for line in str(command.epilog).replace("%%", "%").splitlines()[1:]]
        lines += ["```", ""]
        for group in command.ordered_groups():
            actions = [] if group.title == GENERAL else _of_group(command, str(group.title))
            if actions:
                title = {"positional arguments": "arguments", "options": "other options"}.get(
                    str(group.title), group.title
                )
                lines += [f"*{title}*", "", *map(_option, actions), ""]
    return "\n".join(lines)


def _of_group(command: CommandParser, title: str) -> list[argparse.Action]:
    found = [group for group in command._action_groups if group.title == title]
    return [a for group in found for a in group._group_actions if a.help != argparse.SUPPRESS]


def _option(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings)
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices and action.nargs != 0:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    more = {"+": " ...", "*": " ..."}.get(str(action.nargs), "")
    shown = " ".join(filter(None, (name, value))) + more
    help = str(action.help).replace("%%", "%")
    needed = " **required.**" if action.required and action.option_strings else ""
    return f"- `{shown}`:{needed} {help}"


def definitions() -> dict[str, Schema]:
    """Return the JSON Schema of every document and of its parts, with the descriptions of all fields."""
    models = [(model, "serialization") for model in dict.fromkeys(DOCUMENTS.values())]
    found: dict[str, Schema] = models_json_schema(models)[1]["$defs"]  # type: ignore[arg-type]
    for name, definition in found.items():
        _describe(name, definition)
    return found


def _describe(name: str, definition: Schema) -> None:
    """Add the description of a class, and the texts below its fields, where they are missing."""
    kind = next(
        found
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("autotts.")
        and inspect.isclass(found := vars(module).get(name)) and found.__module__.startswith("autotts.")
    )  # fmt: skip
    definition.setdefault("description", inspect.getdoc(kind) or "")
    for field, text in _texts(kind).items():
        if field in definition.get("properties", {}):
            definition["properties"][field].setdefault("description", text)


def _texts(kind: type) -> dict[str, str]:
    """Return the text below each field in the source of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            texts[field.target.id] = inspect.cleandoc(ast.literal_eval(text.value))
    return texts


def documents() -> str:
    """Return the section on the JSON of every command."""
    parts, lines = definitions(), []
    by_model: dict[str, list[str]] = {}
    for name, model in DOCUMENTS.items():
        by_model.setdefault(model.__name__, []).append(f"`autotts {name}`")
    for model, names in by_model.items():
        schema = parts.pop(model)
        lines += [f"### {' and '.join(names)}", "", _line(schema["description"]), ""]
        lines += _table(schema) if "properties" in schema else [f"Type: {_type(schema)}.", ""]
    lines += ["### Parts", ""]
    for name, schema in sorted(parts.items()):
        description = _line(schema["description"]).split(". ")[0].rstrip(".")
        lines += [f"#### {name}", "", f"{description}.", "", *_table(schema)]
    return "\n".join(lines)


def _table(schema: Schema) -> list[str]:
    rows = [
        f"| `{name}` | {_type(field)} | {_line(field.get('description', ''))} |"
        for name, field in schema.get("properties", {}).items()
    ]
    return ["| key | type | meaning |", "|---|---|---|", *rows, ""] if rows else []


def _line(text: str) -> str:
    return " ".join(re.sub(r"`{2}", "`", text).split()).replace("|", "\\|")


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return f"[{', '.join(_type(each) for each in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        of = schema["additionalProperties"]
        return f"object of {_type(of)}" if isinstance(of, dict) else "object"
    return str(schema.get("type", "any"))


def page(text: str) -> str:
    """Return the text of docs/command.md with its generated parts written anew."""
    for name, content in (("options", options()), ("documents", documents())):
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{content.strip()}\n\n{end}{rest.split(end)[1]}"
    return text


def schema_file() -> str:
    """Return the text of docs/command.schema.json."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `--json` of each command of AutoTTS writes",
        "commands": {name: {"$ref": f"#/$defs/{model.__name__}"} for name, model in DOCUMENTS.items()},
        "$defs": definitions(),
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMAS.write_text(schema_file(), encoding="utf-8")
