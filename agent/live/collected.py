"""How the branches of an environment were collected, from its provenance: what a live episode must do alike."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.collecting.questions import messages_of
from autotts.envs.live.exchange import Message, Sampling
from autotts.envs.live.settings import CollectedForks, LiveSettings
from autotts.envs.signals import GROUP_TOKENS
from autotts.envs.store import Environment

_NEEDED = ("model", "sampling", "branch tokens", "probe tokens", "extract")
"""Entries without which live episodes cannot be like the collected branches."""
_UNKNOWN_TEMPLATE = "known to the server alone"


@dataclass(frozen=True, slots=True)
class CollectedEnvironmentSetup:
    """An environment, and how a model was asked for its branches."""

    environment: Environment
    model: str
    level: str
    chat_template: str
    """The hash of the chat template; "" if it was not known."""
    sampling: Sampling
    branch_tokens: int
    probe_suffix: str
    probe_tokens: int
    template: str | None
    system: str | None
    reader: AnswerReader
    verifier: str
    """The name of the verifier; "" for none."""
    alternatives: int
    """Alternatives to each token that were asked for; 0 if it is not known."""
    group_tokens: int
    """Tokens of a DeepConf group."""

    @classmethod
    def of(cls, environment: Environment) -> CollectedEnvironmentSetup:
        """Return the set-up of a collected environment.

        Raises:
            InputError: the environment was not collected, or its provenance cannot be read.
        """
        found: Mapping[str, str] = environment.provenance
        if missing := [name for name in _NEEDED if name not in found]:
            raise InputError(
                f"{environment.name} does not say how it was collected ({', '.join(missing)} missing): only "
                "environments of `autotts collect` can be compared with a live model"
            )
        try:
            sampling = Sampling(**json.loads(found["sampling"]))
            lengths = [int(found[name]) for name in ("branch tokens", "probe tokens")]
            alternatives, group = int(found.get("alternatives", 0)), int(found.get("group tokens", GROUP_TOKENS))
        except (TypeError, ValueError):
            raise InputError(f"{environment.name}: its provenance cannot be read: collect it anew") from None
        ways = extraction("extract", *shlex.split(found["extract"]))
        if ways is None:
            raise InputError(f"{environment.name}: its provenance names no way to find answers: collect it anew")
        template = found.get("chat template", "")
        return cls(
            environment=environment, model=found["model"], level=found.get("level", ""),
            chat_template="" if template == _UNKNOWN_TEMPLATE else template, sampling=sampling,
            branch_tokens=lengths[0], probe_suffix=found.get("probe suffix", ""), probe_tokens=lengths[1],
            template=found.get("template"), system=found.get("system"), reader=AnswerReader(ways, environment.answers),
            verifier=found.get("verifier", ""), alternatives=alternatives, group_tokens=group,
        )  # fmt: skip

    def branches(self, question: int, most: int | None, forks: bool = False) -> int:
        """Return the branches that an episode of ``question`` may open: the recorded ones, or ``most`` if fewer.

        Recorded forks count only for a controller that uses ``forks``.
        """
        recorded = len(self.environment.branches(question)) if forks else self._roots(question)
        return recorded if most is None else min(most, recorded)

    def settings(
        self, question: int, max_branches: int | None, max_tokens: int | None, seed: int, forks: bool = False,
        forks_anywhere: bool = False,
    ) -> LiveSettings:  # fmt: skip
        """Return how the model is asked ``question``.

        Args:
            question: its number.
            max_branches: branches at most; None for all that are recorded.
            max_tokens: tokens at most.
            seed: the seed of the live episodes. Each question gets another one, and none the seed of its collection.
            forks: whether the controller uses forks.
            forks_anywhere: whether branches may be forked where no recorded one was.
        """
        digest = hashlib.sha256(f"fidelity {seed} {question}".encode()).digest()
        return LiveSettings(
            delta=self.environment.delta, max_branches=self.branches(question, max_branches, forks),
            branch_tokens=self.branch_tokens, max_tokens=max_tokens, probe_suffix=self.probe_suffix,
            probe_tokens=self.probe_tokens, probe_cost=self.environment.probe_cost, sampling=self.sampling,
            seed=int.from_bytes(digest[:4], "big") >> 1, verify_cost=self.environment.verify_cost,
            group_tokens=self.group_tokens, collected_forks=None if forks_anywhere else self.forks(question),
        )  # fmt: skip

    def _roots(self, question: int) -> int:
        branches = self.environment.branches(question)
        return int(self.environment.is_root[branches.start : branches.stop].sum())

    def forks(self, question: int) -> CollectedForks:
        """Return the recorded branches of ``question``: a live episode that has no others is like its replay."""
        env, branches = self.environment, self.environment.branches(question)
        roots = self._roots(question)
        if env.parents is None or env.fork_depths is None:
            return CollectedForks(roots)
        found = Counter((int(env.parents[b]), int(env.fork_depths[b])) for b in branches if not env.is_root[b])
        depths = {depth for _, depth in found}
        return CollectedForks(roots, tuple(sorted(depths)), max(found.values(), default=0))

    def messages(self, question: int) -> Sequence[Message]:
        """Return the messages with which the model was asked ``question``."""
        return messages_of(self.environment.questions[question], self.template, self.system)

    def is_right(self, question: int, answer: str | None) -> bool:
        """Return whether ``answer`` equals the gold answer of ``question``."""
        gold = self.environment.vocabulary[self.environment.gold[question]]
        return answer is not None and (answer == gold or self.reader.equivalence.same(gold, answer))

    def mismatches(self, model: str, level: str, chat_template: str) -> list[str]:
        """Return a line for each difference between the collected model and the one that is asked now.

        Args:
            model: the name of the model.
            level: what its server lets a controller do.
            chat_template: the hash of the chat template; "" if it is not known.
        """
        found = []
        if model != self.model:
            found.append(f"the branches were collected from {self.model}, but this server has {model}")
        if self.level and level != self.level:
            found.append(f"the branches were collected at the level {self.level!r}, but this server offers {level!r}")
        if chat_template and self.chat_template and chat_template != self.chat_template:
            found.append("the chat template is another one than when the branches were collected")
        return found
