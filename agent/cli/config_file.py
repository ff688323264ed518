"""Settings from a file: `autotts.toml` of the working directory, or the file that `--config` names.

A table holds the options of one command, under their names without the hyphens in front: ``[discover]``,
``[env.import]``. A key outside of every table applies to each command that has such an option. The command line wins
over the file, and the file over the defaults.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from autotts.envs.errors import InputError

from .command_parser import CommandParser, given

NAME = "autotts.toml"
"""The file in the working directory that is read if `--config` names none."""
COMMAND_LINE, DEFAULT = "command line", "default"
"""Where a value comes from, beside the file."""
_MOST_BYTES = 1_000_000
_NEVER = frozenset({"config", "help", "version"})
"""Options that a file cannot set."""


@dataclass(frozen=True, slots=True)
class FileSetting:
    """The value that a file gives to an option of the command."""

    key: str
    """The name of the option."""
    action: argparse.Action
    built_in: Any
    """The default of the option without the file."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says to one command."""

    path: Path
    settings: tuple[FileSetting, ...]

    def finish(self, command: CommandParser, args: argparse.Namespace) -> list[str]:
        """Drop settings that exclude an option of the command line; return the names of those that apply."""
        on_line, used = given(args), []
        for setting in self.settings:
            dest = setting.action.dest
            if any(other.dest in on_line and other.dest != dest for other in command.conflicts(setting.action)):
                setattr(args, dest, setting.built_in)
            elif dest not in on_line:
                used.append(setting.key)
        return used


def apply(top: CommandParser, words: Sequence[str]) -> tuple[CommandParser, ConfigFile | None]:
    """Make the settings of the file the defaults of the command that ``words`` call.

    Args:
        top: the parser of the whole command line; it is changed.
        words: the command line.

    Returns:
        The parser of the command, and what the file says to it; None if there is no file.

    Raises:
        InputError: the file cannot be read, has an unknown key, or a value of the wrong type.
    """
    path, command = [], top
    for word in words:
        if word not in command.subcommands():
            break
        path.append(word)
        command = command.subcommands()[word]
    rest = list(words[len(path) :])
    file = _file(rest)
    if file is None or command.subcommands() or not path or {"-h", "--help"} & set(rest):
        return command, None
    document = _read(file)
    _check_keys(file, document, top, ())
    values: dict[str, tuple[str, Any]] = {}
    table: Any = document
    for name in (*path, None):
        values |= {_key(key): (key, value) for key, value in table.items() if not isinstance(value, dict)}
        table = table.get(name, {}) if name is not None else {}
    settings = []
    for name, action in _options(command):
        if name in values:
            key, value = values[name]
            settings.append(FileSetting(name, action, action.default))
            action.default, action.required = _converted(command, action, f"{file}: {key}", value), False
    return command, ConfigFile(file, tuple(settings))


def sources(command: CommandParser, args: argparse.Namespace, file: ConfigFile | None) -> dict[str, tuple[Any, str]]:
    """Return the value of each option, and where it comes from: the command line, the file, or the default."""
    on_line = given(args)
    in_file = {setting.key for setting in file.settings} if file else set()
    found = {}
    for name, action in _options(command):
        value = getattr(args, action.dest, None)
        if action.dest in on_line or (action.nargs == 0 and value != action.default):
            source = COMMAND_LINE
        else:
            source = str(file.path) if file and name in in_file and value == action.default else DEFAULT
        if not (action.nargs == 0 and source == DEFAULT):
            found[name] = (value, source)
    return found


def _file(words: Sequence[str]) -> Path | None:
    """Return the file that the command line names, else the one of the working directory if it exists."""
    for word, following in zip_longest(words, words[1:]):
        if word == "--":
            break
        if word == "--config" and following is not None:
            return Path(following)
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    return Path(NAME) if Path(NAME).is_file() else None


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)  # a device has no end
        if len(data) > _MOST_BYTES:
            raise InputError(f"{path}: no settings: it has more than {_MOST_BYTES:,} bytes")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise InputError(f"{path}: cannot read the settings ({error.strerror})") from None
    except RecursionError:
        raise InputError(f"{path}: not a TOML file of settings (too deeply nested)") from None
    except ValueError as error:  # not TOML, not UTF-8, or a number of more digits than Python reads
        raise InputError(f"{path}: not a TOML file ({error})") from None


def _key(text: str) -> str:
    return text.replace("_", "-")


def _options(command: CommandParser) -> Iterator[tuple[str, argparse.Action]]:
    """Yield the options that a file can set, by their names in the file."""
    for action in command.options():
        name = action.option_strings[-1].removeprefix("--")
        if name not in _NEVER:
            yield name, action


def _below(command: CommandParser) -> set[str]:
    """Return the names of the options of a command, or of all commands of a group."""
    children = command.subcommands()
    return {name for name, _ in _options(command)} | {name for each in children.values() for name in _below(each)}


def _check_keys(file: Path, table: Mapping[str, Any], command: CommandParser, path: tuple[str, ...]) -> None:
    """Check that every key of the file is an option, and every table a command.

    Raises:
        InputError: one is neither, or an option stands there twice.
    """
    seen: set[str] = set()
    for key, value in table.items():
        where = f"{file}: {'.'.join((*path, key))}"
        if isinstance(value, dict):
            if key not in command.subcommands():
                raise InputError(f"{where}: there is no such command{_close(key, command.subcommands())}")
            _check_keys(file, value, command.subcommands()[key], (*path, key))
        elif _key(key) not in _below(command):
            owner = f"`autotts {' '.join(path)}`" if path else "any command"
            raise InputError(f"{where}: no option of {owner}{_close(_key(key), _below(command))}")
        elif _key(key) in seen:
            raise InputError(f"{where}: is given twice")
        seen.add(_key(key))


def _close(name: str, known: Sequence[str] | set[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _converted(command: CommandParser, action: argparse.Action, where: str, value: Any) -> Any:
    """Return the value of a key as the option holds it.

    Raises:
        InputError: its type is wrong, or the option refuses it.
    """
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{where}: must be true or false, not {value!r}")
        return action.const if value else not action.const
    several = action.nargs in ("+", "*") or isinstance(action, argparse._AppendAction)
    if isinstance(value, list) and not several:
        raise InputError(f"{where}: must be one value, not a list")
    values = [_one(command, action, where, each) for each in (value if isinstance(value, list) else [value])]
    if not values:
        raise InputError(f"{where}: the list is empty")
    return values if several else values[0]


def _one(command: CommandParser, action: argparse.Action, where: str, value: Any) -> Any:
    kind = _kind(action)
    names = {int: "a whole number", float: "a number", str: "a text in quotes"}
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits:
        raise InputError(f"{where}: must be {names[kind]}, not {value!r}")
    try:
        found = command._get_value(action, str(value))
        command._check_value(action, found)
    except argparse.ArgumentError as error:
        raise InputError(f"{where}: {error.message}") from None
    return found


def _kind(action: argparse.Action) -> type[int] | type[float] | type[str]:
    """Return the type of an option's value in a file: that which its function returns."""
    if action.type in (int, float):
        return action.type
    name = getattr(action.type, "__annotations__", {}).get("return", "str")
    return {"int": int, "float": float}.get(getattr(name, "__name__", name), str)
