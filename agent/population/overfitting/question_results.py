"""A version's results per question: derived from its action logs, and cached in the archive."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.bounded_zip import BoundedZip
from autotts.envs.scoring import Scores
from autotts.envs.statistics import Floats

Ints = npt.NDArray[np.int32]
_MOST_BYTES = 1 << 28
"""Largest size of a file of results when it is unpacked, in bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class QuestionResults:
    """Accuracy and tokens by beta and cell, averaged over branch orders. A cell is a question of an environment.

    Shapes: B betas, N cells. The cells of an environment are consecutive, in the order of its questions.
    """

    environments: tuple[str, ...]
    environment: Ints
    """(N,) index into ``environments``."""
    question: Ints
    """(N,) index of the question in its environment."""
    betas: Floats
    """(B,), ascending."""
    right: Floats
    """(B, N) share of the branch orders in which the answer was right, in [0, 1]."""
    tokens: Floats
    """(B, N) mean tokens."""

    @classmethod
    def of(cls, scores: Scores) -> QuestionResults:
        """Return the means over branch orders of ``scores``, whose batch is a full grid (`envs.episodes.grid`)."""
        batch = scores.episodes
        sizes = [len(env) for env in batch.environments]
        first = np.cumsum([0, *sizes])
        betas, which = np.unique(batch.beta, return_inverse=True)
        cell = which * first[-1] + first[batch.environment] + batch.question
        shape = (len(betas), int(first[-1]))
        orders = np.bincount(cell, minlength=shape[0] * shape[1])

        def mean(values: npt.NDArray[np.generic]) -> Floats:
            return np.asarray(np.bincount(cell, weights=values, minlength=len(orders)) / orders).reshape(shape)

        return cls(
            environments=tuple(env.name for env in batch.environments),
            environment=np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
            question=np.concatenate([np.arange(size) for size in sizes]).astype(np.int32),
            betas=betas, right=mean(scores.correct), tokens=mean(scores.tokens),
        )  # fmt: skip

    def pack(self) -> bytes:
        """Return the results as a compressed NumPy file; equal results give equal bytes."""
        buffer = io.BytesIO()
        columns: dict[str, Any] = {each.name: np.array(getattr(self, each.name)) for each in fields(self)}
        np.savez_compressed(buffer, **columns)
        return buffer.getvalue()

    @classmethod
    def unpack(cls, packed: bytes) -> QuestionResults:
        """Return the results that `pack` has packed.

        Raises:
            Exception: any error that the zip and NumPy readers raise for damaged bytes.
        """
        with BoundedZip(io.BytesIO(packed), _MOST_BYTES) as archive:
            data: dict[str, Any] = {each.name: archive.array(f"{each.name}.npy") for each in fields(cls)}
        shape = (len(data["betas"]), len(data["question"]))
        if data["right"].shape != shape or data["tokens"].shape != shape:
            raise ValueError("the shapes of the columns do not match")
        if not (np.isfinite(data["right"]).all() and np.isfinite(data["tokens"]).all()):
            raise ValueError("a value is not a finite number")
        return cls(**data | {"environments": tuple(data["environments"].tolist())})
