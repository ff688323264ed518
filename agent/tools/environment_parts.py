"""Tells an explorer what its environments have beyond answers: signals, a verifier, forks. Nothing if there is nothing.

The text stands beside the contract of controllers, which says nothing of these parts: a run on answers alone does not
pay for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from autotts.envs.contract.recording import NEAREST
from autotts.envs.environment import Environment
from autotts.envs.roots import fork_depths_in_words
from autotts.envs.signals import STANDARD

from .text import one_line

MOST_SIGNALS = 24
"""Signals that are explained; the others are named."""
_SAMPLE = 200_000
_HEAD = """# More than answers

The environments of this run have more than answers. A controller declares in its class, by literals, what it uses:
`signals = ("a", "b")` (names that it needs), `optional_signals = ("c",)` (read where they are, with a rule of its own
for where they are not), `verifier = "needed"` or `"optional"`, `forks = "needed"` or `"optional"`. What it does not
declare is illegal to use. If an environment lacks what it needs, it is refused (`rejected: needs`). Nothing obliges it
to use any of these: a number may be noise."""
_SIGNALS = """\
- **Signals**: `signal(i, name)` -> number or `None`, `signal_many(indices, name)`; `step(i, name)` -> (answer,
  finished, number), `step_many(indices, name)` -> list of them. Free. It is what branch i carries at its present depth,
  and of no earlier one: keep what you need. `None`: depth 0, no number there, or for `answer_...` not probed at this
  depth. `question.signals`: those declared that are there. Usual values are 16% to 84% of the numbers."""
_C = "  - C, in these definitions: the mean of -ln p over the top 20 candidates of a token."
_VERIFIER = """\
- **Verifier**: `verify(i)` -> score of the branch as it stands, higher is better, or `None` without a score;
  `verify_many(indices)`. Not at depth 0, nor of a pruned branch; a finished one can be verified. `can_verify`: whether
  there is one. Price: {} tokens each, once at each depth"""
_FORKS = """\
- **Forks**: `fork(i)` -> index of a new branch that shares all intervals of running branch i (depth 1 or more)
  so far, and pays for none of them; `fork_many(i, n)`. What was shown at this depth is free for it. It counts in
  `width` and `max_branches`: open roots by `branch_many(min(n, question.branches_left))`. Ask `can_fork(i)` before each
  fork; `has_forks`: whether there are any. Recorded at depth {}; {}"""


def describe_parts(environments: Sequence[Environment]) -> str:
    """Return the text on signals, verifier and forks of the environments; "" if all have answers alone.

    Names of environments do not occur in it.
    """
    parts = [*_signals(environments), *_verifier(environments), *_forks(environments)]
    return "\n".join([_HEAD, "", *parts]) if parts else ""


def list_parts(environments: Sequence[Environment]) -> str:
    """Return what all of the environments have, in a few words, for a candidate that needs more."""
    signals = set.intersection(*({*env.signal_names} for env in environments))
    listed = ", ".join(one_line(name, 60) for name in sorted(signals)[:MOST_SIGNALS])
    verifier = "a verifier" if all(env.verifier is not None for env in environments) else ""
    forks = "forks" if all(env.parents is not None for env in environments) else ""
    return "; ".join(filter(None, (f"signals {listed}" if listed else "", verifier, forks))) or "answers alone"


def _signals(environments: Sequence[Environment]) -> Iterator[str]:
    names = sorted({name for env in environments for name in env.signal_names})
    if not names:
        return
    yield _SIGNALS
    for name in names[:MOST_SIGNALS]:
        having = [env for env in environments if name in env.signal_names]
        known = STANDARD.get(name)
        meaning = f"{known.definition}; {known.unit}, higher is {known.higher_is}" if known else "no standard meaning"
        only = _only(having, environments, "`optional_signals`")
        yield f"  - `{one_line(name, 60)}`: {meaning}; {_range(having, name)}{only}."
    if any(re.search(r"\bC\b", STANDARD[name].definition) for name in names[:MOST_SIGNALS] if name in STANDARD):
        yield _C
    if names[MOST_SIGNALS:]:
        yield f"  - and {', '.join(one_line(name, 40) for name in names[MOST_SIGNALS : 4 * MOST_SIGNALS])}"


def _verifier(environments: Sequence[Environment]) -> Iterator[str]:
    having = [env for env in environments if env.verifier is not None]
    if having:
        prices = sorted({env.verify_cost for env in having})
        price = f"{prices[0]:,}" if len(prices) == 1 else f"{prices[0]:,} to {prices[-1]:,}"
        yield f"{_VERIFIER.format(price)}{_only(having, environments)}."


def _forks(environments: Sequence[Environment]) -> Iterator[str]:
    having = [env for env in environments if env.parents is not None]
    if not having:
        return
    nearest = {env.fork_rule for env in having} == {NEAREST}
    rule = "elsewhere the nearest recorded fork of the branch answers" if nearest else "others are illegal"
    yield f"{_FORKS.format(fork_depths_in_words(having), rule)}{_only(having, environments)}."


def _only(having: Sequence[Environment], environments: Sequence[Environment], how: str = '`"optional"`') -> str:
    """Return a remark if not all environments have a part, which can then only be declared as ``how``."""
    if len(having) == len(environments):
        return ""
    return f"; only in {len(having)} of {len(environments)} environments, so {how} alone"


def _range(environments: Sequence[Environment], name: str) -> str:
    """Return the usual values of a signal: the mean over the environments of its 16% and 84% quantiles."""
    found = [ends for env in environments if (ends := _quantiles(env, name)) is not None]
    if not found:
        return "never there"
    low, high = np.mean(found, axis=0).tolist()
    return f"usually {low:.3g} to {high:.3g}"


def _quantiles(env: Environment, name: str) -> tuple[float, float] | None:
    for column in (env.signals.get(name), env.final_signals.get(name)):
        values = column[:: max(1, len(column) // _SAMPLE)] if column is not None else np.empty(0)
        if len(values := values[np.isfinite(values)]):
            low, high = np.quantile(values, (0.16, 0.84)).tolist()
            return low, high
    return None
