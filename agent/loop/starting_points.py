"""The controllers that a user gives to a run: checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.sandbox import policy

from ..archive.baselines import baseline_source, baselines_for, left_out
from ..archive.names import FoundController
from ..population.program_form import program_form
from ..records.given import GivenController


def starting_points(
    found: Sequence[FoundController], notice: Callable[[str], None], environments: Sequence[Environment] = ()
) -> list[GivenController]:
    """Return the controllers that a search is to start from, as records of generation 0.

    Args:
        found: files, sources, versions of archives, baselines.
        notice: told what is left out: a copy of a baseline that the run has, a copy of another one of them, and
            the baselines whose needs the environments do not meet.
        environments: the environments of the search.

    Raises:
        InputError: the policy refuses one of them, or only copies of baselines are left.
    """
    known = {
        program_form(baseline_source(name)): f"the baseline {name} of every run" for name in baselines_for(environments)
    }
    if line := left_out(environments):
        notice(line)
    given = []
    for each in found:
        name, source = each.candidate.name, each.candidate.source
        verdict = policy.check(source)
        if not verdict.ok:
            raise InputError(f"a search cannot start from {name}: {verdict.kind}: {verdict.message}")
        form = program_form(source)
        if form in known:
            notice(f"{name} is left out: it is the same program as {known[form]}")
            continue
        known[form] = name
        data = each.archive.card(each.version).data if each.archive else {}
        given.append(GivenController.of(source, name, data))
    if found and not given:
        raise InputError("a search starts from the baselines in any case: name other controllers, or none")
    return given
