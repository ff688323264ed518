"""Simulated parts of an environment (signals, a verifier, forks) with the truth about them, which the file keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from ..environment import Environment
from ..errors import InputError
from .columns import with_signal, with_verifier
from .strength import Strength
from .trees import ForkPlan, with_forks

PROVENANCE = "simulated"
"""The name under which the provenance of an environment holds its simulated parts, as JSON."""
_NAME = re.compile(r"[\w.+-]{1,64}")


@dataclass(frozen=True, slots=True)
class SimulatedParts:
    """Which parts of an environment are simulated, and how much each tells of the ends of branches.

    Raises:
        InputError: a name of a signal has another form, or a cost is given without a verifier.
    """

    signals: Mapping[str, Strength] = field(default_factory=dict)
    verifier: Strength | None = None
    verify_cost: int = 0
    """Tokens of a verification."""
    program: bool = False
    """Whether the verifier's scores are 1 and 0 only, see `with_verifier`."""
    forks: ForkPlan | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.signals:
            if not _NAME.fullmatch(name):
                raise InputError(f"{name[:60]!r} is no name of a signal: up to 64 letters, digits and _ . + -")
        if self.verifier is None and (self.verify_cost or self.program):
            raise InputError("a cost or a kind of verifier without a verifier")
        if self.seed < 0:
            raise InputError(f"the seed is {self.seed}, but must be at least 0")

    def __bool__(self) -> bool:
        return bool(self.signals) or self.verifier is not None or self.forks is not None

    def lines(self) -> list[str]:
        """Return the truth as lines of text for the user."""
        found = [f"{name}: right above wrong with probability {s.text()}" for name, s in sorted(self.signals.items())]
        if self.verifier is not None:
            kind = "verifier that says 1 or 0" if self.program else "verifier"
            found.append(f"{kind}: right above wrong with probability {self.verifier.text()}")
        if self.forks is not None:
            first, last = self.forks.decided
            found.append(
                f"forks: a prefix has decided the end with probability {first:g} at its start, {last:g} at its end"
            )
        return found


_ADAPTER = TypeAdapter(SimulatedParts)


def with_parts(env: Environment, parts: SimulatedParts) -> Environment:
    """Return ``env`` with simulated parts, and with the truth about them in its provenance.

    Forks come first, so that signals and scores tell how each fork ends. Equal arguments give equal bits anywhere;
    the parts do not depend on each other, except that all depend on the forks.

    Raises:
        InputError: the environment has one of the parts.
    """
    if not parts:
        return env
    if parts.forks is not None:
        env = with_forks(env, parts.forks, parts.seed)
    for name in sorted(parts.signals):
        env = with_signal(env, name, parts.signals[name], parts.seed)
    if parts.verifier is not None:
        env = with_verifier(env, parts.verifier, parts.verify_cost, parts.seed, parts.program)
    env.check()
    text = _ADAPTER.dump_json(_joined(simulated_parts(env), parts)).decode()
    return replace(env, provenance={**env.provenance, PROVENANCE: text})


def simulated_parts(env: Environment) -> SimulatedParts | None:
    """Return which parts of ``env`` are simulated, and the truth about them; None if none is."""
    text = env.provenance.get(PROVENANCE)
    if text is None:
        return None
    try:
        return _ADAPTER.validate_json(text)
    except (ValidationError, InputError):  # a file from elsewhere uses the name for something else
        return None


def _joined(before: SimulatedParts | None, parts: SimulatedParts) -> SimulatedParts:
    """Return ``parts`` with those that the environment had before."""
    if before is None:
        return parts
    joined = replace(parts, signals={**before.signals, **parts.signals}, forks=parts.forks or before.forks)
    if parts.verifier is None and before.verifier is not None:
        joined = replace(
            joined, verifier=before.verifier, verify_cost=before.verify_cost, program=before.program
        )  # fmt: skip
    return joined
