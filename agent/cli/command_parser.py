"""The parser of the command line: what every command does with its words, whatever its options are.

An option of several values adds up when it is repeated, every other option may be given once, no option is abbreviated,
and what cannot be used is refused in one line.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from .messages import problem

ENVIRONMENTS, EPISODES, SEARCH, BUDGET = "environments", "episodes", "search", "budget"
VERSIONS, SANDBOX, OUTPUT = "versions", "sandbox", "output"
"""Titles of the groups of options that several commands have."""
GENERAL = "general"
"""Title of the group of the options that every command has."""
_ORDER = (ENVIRONMENTS, EPISODES, SEARCH, BUDGET, VERSIONS, SANDBOX, OUTPUT, GENERAL)
_GIVEN = "given_options"
_MANY = ("+", "*")
_OTHER_NAMES = {"--seeds": "--orders", "--first-seed": "--first-order", "--betas": "--beta", "--envs": "--env"}
"""Options under the names that users try."""


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, or of a group of commands.

    Args:
        kwargs: see `argparse.ArgumentParser`.
    """

    def __init__(self, **kwargs: Any) -> None:
        help = kwargs.pop("add_help", True)
        super().__init__(**{"formatter_class": _HelpFormatter, "allow_abbrev": False, **kwargs, "add_help": False})
        for name in (None, "store"):
            self.register("action", name, _Store)
        self._took = ""
        if help:
            self.group(GENERAL).add_argument(
                "-h", "--help", action="help", default=argparse.SUPPRESS, help="print this text and exit"
            )

    def group(self, title: str) -> argparse._ArgumentGroup:
        """Return the group of options with this title; add it if there is none."""
        for group in self._action_groups:
            if group.title == title:
                return group
        return self.add_argument_group(title)

    def subcommands(self) -> Mapping[str, CommandParser]:
        """Return the commands of this group by name; nothing if this is a command."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return action.choices
        return {}

    def options(self) -> Iterator[argparse.Action]:
        """Yield the options of this command, as they are listed in its help."""
        yield from (action for action in self._actions if action.option_strings and action.help != argparse.SUPPRESS)

    def conflicts(self, action: argparse.Action) -> list[argparse.Action]:
        """Return the options that exclude ``action``."""
        groups = [group._group_actions for group in self._mutually_exclusive_groups]
        return [each for group in groups if action in group for each in group if each is not action]

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the words of this command, and refuse those that it does not know."""
        self._took = ""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._describe(unknown[0]))
        return found, unknown

    def format_help(self) -> str:
        """Return the help text, with its groups in order and a short line of usage."""
        self._action_groups = self.ordered_groups()
        if not self.subcommands():
            needed = [f"{a.option_strings[-1]} {a.metavar}" for a in self.options() if a.required]
            arguments = [_shown(a) for a in self._actions if not a.option_strings]
            self.usage = " ".join(["%(prog)s", *needed, "[OPTION ...]", *arguments])
        return super().format_help()

    def ordered_groups(self) -> list[argparse._ArgumentGroup]:
        """Return the groups of options: those of this command alone first, those that every command has last."""
        place = {title: number for number, title in enumerate(_ORDER)}
        return sorted(self._action_groups, key=lambda group: place.get(str(group.title), -1))

    def error(self, message: str) -> NoReturn:
        """Print in one line what is wrong with the command line, and exit with code 2."""
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:
            message = f"{missing} is missing"
            if self._took and not missing.startswith("-"):
                message += f": {self._took} takes every word up to the next option, so write {missing} before it"
        self.exit(2, problem(f"{message.removeprefix('argument ')}; see `{self.prog} --help`") + "\n")

    def _describe(self, word: str) -> str:
        """Say what is wrong with a word that the command does not know."""
        if not word.startswith("-"):
            return f"{word!r} is one word too many"
        name = word.partition("=")[0]
        known = [text for action in self.options() for text in action.option_strings]
        close = difflib.get_close_matches(name, known, 1) if name.startswith("--") else []
        if _OTHER_NAMES.get(name) in known:
            close = [_OTHER_NAMES[name]]
        if self.subcommands():
            return f"there is no option {name} before the command; options come after it"
        return f"there is no option {name}" + (f"; did you mean {close[0]}?" if close else "")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            close = difflib.get_close_matches(value, list(action.choices), 1)
            raise argparse.ArgumentError(
                None, f"there is no command {value!r}" + (f"; did you mean {close[0]}?" if close else "")
            )
        super()._check_value(action, value)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        many = bool(action.option_strings) and action.nargs in _MANY
        if many:
            self._took = action.option_strings[-1]
        try:
            return super()._get_values(action, arg_strings)
        except argparse.ArgumentError as error:
            own = [each for each in self._actions if not each.option_strings and each.metavar]
            if many and own and len(arg_strings) > 1:
                error.message += f"; write {own[0].metavar} before {self._took}"
            raise


class _Store(argparse.Action):
    """Stores the value of an option or an argument, and remembers that the user has given it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        before = given(namespace)
        if option_string is None and values is self.default:  # an argument that was left out
            setattr(namespace, self.dest, values)
            return
        if self.dest in before:
            if not (self.option_strings and self.nargs in _MANY):
                raise argparse.ArgumentError(None, f"{option_string or self.metavar} is given twice")
            values = [*getattr(namespace, self.dest), *values]
        setattr(namespace, self.dest, values)
        setattr(namespace, _GIVEN, before | {self.dest})


class _Renamed(argparse.Action):
    """Refuses the old name of an option."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise argparse.ArgumentError(None, f"{self.option_strings[0]} is now {self.metavar}")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def _shown(argument: argparse.Action) -> str:
    """Return an argument as a line of usage shows it."""
    name = str(argument.metavar)
    several = {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}
    return several.get(str(argument.nargs), " ".join([name] * argument.nargs) if type(argument.nargs) is int else name)


def add_renamed(command: CommandParser, old: str, new: str) -> None:
    """Make the command say that the option ``old`` has the new name ``new``."""
    command.add_argument(old, action=_Renamed, nargs="?", metavar=new, help=argparse.SUPPRESS)


def given(args: argparse.Namespace) -> frozenset[str]:
    """Return the destinations of the values that stood on the command line; flags are not among them."""
    found: frozenset[str] = getattr(args, _GIVEN, frozenset())
    return found
