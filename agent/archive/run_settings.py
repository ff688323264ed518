"""The settings with which a run began, and where each came from: ``settings.json`` in the run directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from .run_directory import Run

FILE = "settings.json"
_OF_THE_COMMAND = {"run", "json", "quiet", "verbose"}
"""Options that say nothing about the run."""
DEFAULT = "default"
"""The source of a setting that nobody has given."""
_HASHED = {"environments", "held_out", "simulated", "schema_version", "explorer_by_name"}
"""Parts of a run's config that are no settings of the user."""


@dataclass(frozen=True, slots=True)
class RunSetting:
    """One setting of a run."""

    value: Any
    source: str
    """``command line``, ``default``, or the file of settings; empty if it is not known."""


_SETTINGS = TypeAdapter(dict[str, RunSetting])


def record_settings(run: Run, settings: Mapping[str, tuple[Any, str]]) -> None:
    """Write the settings of a new run; do nothing if it has them: they are those with which it began.

    Args:
        run: the run.
        settings: value and source of each option, by its name.
    """
    path = run.home / FILE
    if not path.exists():
        document = {
            name: RunSetting(value, source)
            for name, (value, source) in settings.items() if name not in _OF_THE_COMMAND
        }  # fmt: skip
        write_sealed(path, _SETTINGS.dump_json(document, indent=1))


def read_settings(run: Run) -> dict[str, RunSetting]:
    """Return the settings of a run; without their sources if it was begun from Python, or by an earlier version.

    Raises:
        DamagedFile: the file is damaged.
    """
    path = run.home / FILE
    try:
        return _SETTINGS.validate_json(read_sealed(path))
    except FileNotFoundError:
        values = run.config.model_dump(mode="json")
        return {name: RunSetting(value, "") for name, value in values.items() if name not in _HASHED}
    except ValidationError as error:
        raise DamagedFile(f"{path}: damaged ({error.errors()[0]['msg']}); remove it") from None


def describe_settings(settings: Mapping[str, RunSetting]) -> Iterator[str]:
    """Yield a line for each source of settings, with the settings from it; those without a value are left out."""
    by_source: dict[str, list[str]] = {}
    for name, setting in settings.items():
        if setting.value not in (None, [], "", {}):
            value = " ".join(map(str, setting.value)) if isinstance(setting.value, list | dict) else str(setting.value)
            by_source.setdefault(setting.source, []).append(f"{name} {value}")
    for source, texts in sorted(by_source.items(), key=lambda item: item[0] == DEFAULT):
        yield f"{source + ': ' if source else ''}{', '.join(texts)}"
