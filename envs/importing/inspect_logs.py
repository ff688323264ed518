"""Reads logs of Inspect, ``.eval`` and ``.json``. Epochs of a sample are its branches; a scorer gives their answers.

The form of the logs is `inspect_ai.log.EvalLog`, version 2. An ``.eval`` file is a zip, which is never unpacked to
disk.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..extras import install_command
from .jsonl import parse
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

MAX_LOG_BYTES = 2**29
"""The largest ``.json`` log in bytes; such a log is read as a whole."""
MAX_SAMPLE_BYTES = 2**26
"""The largest sample in an ``.eval`` log in bytes."""
_PIECE = 2**12
"""Bytes read at a time, which limits the memory for a zip bomb: `zipfile` unpacks this many packed bytes in one call,
and sets no limit on the output of Zstandard."""
_MAX_UNREADABLE = 100
"""The number of unreadable samples after which a log is refused: each of them may cost a second."""
ZSTANDARD = 93
"""The number of Zstandard in the zip format."""
_ATTACHED = "attachment://"
_VERDICTS: dict[Any, bool] = {"C": True, "I": False, "P": False, "N": False, 1: True, 0: False}
"""Whether a score means right: correct, incorrect, partial, no answer, 1 and 0. As keys, 1, 1.0 and True are equal."""


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield one row for each epoch of each sample.

    Raises:
        InputError: the file is not a log, has no samples, or has several scorers and the options name none.
    """
    packed = zipfile.is_zipfile(path)
    log, samples = _packed(path) if packed else _plain(path)
    evaluation = log.get("eval")
    if not isinstance(evaluation, dict):
        raise InputError(f"{path}: not a log of Inspect: it has no `eval`")
    scorer = options.scorer
    for place, sample in samples:
        if isinstance(sample, str):
            yield UnreadableRow(place, sample)
            continue
        scores = sample.get("scores")
        if scorer is None and isinstance(scores, dict) and scores:
            if len(scores) > 1:
                raise InputError(f"{path}: answers of several scorers; name one by --scorer: {', '.join(scores)}")
            scorer = next(iter(scores))
        fields = _fields(sample, scorer, evaluation)
        if isinstance(fields, dict) and options.extract is not None:
            fields["correct"] = None  # the verdict is on another answer: `includes` finds 4 in 14
        yield UnreadableRow(place, fields) if isinstance(fields, str) else ImportedRow(place, fields, sample)


_Samples = Iterator[tuple[str, dict[str, Any] | str]]


def _plain(path: Path) -> tuple[dict[str, Any], _Samples]:
    if path.stat().st_size > MAX_LOG_BYTES:
        raise InputError(
            f"{path}: more than {MAX_LOG_BYTES >> 20} MiB; convert it with `inspect log convert --to eval`"
        )
    log = parse(path.read_bytes())
    if isinstance(log, str):
        raise InputError(f"{path}: not a log of Inspect: {log}")
    samples = log.get("samples")
    if not isinstance(samples, list):
        raise InputError(f"{path}: a log without samples")
    return log, (
        (f"sample {number}", sample if isinstance(sample, dict) else "not an object")
        for number, sample in enumerate(samples)
    )


def _packed(path: Path) -> tuple[dict[str, Any], _Samples]:
    archive = _open(path)
    header = _member(archive, "header.json", path)
    if isinstance(header, str):
        raise InputError(f"{path}: header.json: {header} (is the evaluation still running?)")
    names = sorted({name for name in archive.namelist() if name.startswith("samples/") and name.endswith(".json")})

    def samples() -> _Samples:
        unreadable = 0
        with archive:
            for name in sorted(names, key=_epoch):
                found = _member(archive, name, path)
                unreadable += isinstance(found, str)
                if unreadable > _MAX_UNREADABLE:
                    raise InputError(
                        f"{path}: more than {_MAX_UNREADABLE} samples cannot be read, {name} being the last: {found}"
                    )
                yield name, found

    return header, samples()


def _open(path: Path) -> zipfile.ZipFile:
    with suppress(ImportError):  # adds Zstandard to `zipfile`: recent versions of Inspect use it
        import zipfile_zstd  # noqa: F401
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(f"{path}: not a log of Inspect: {error}") from None


def _epoch(name: str) -> tuple[int, str]:
    """Return the sort key of a sample file. Files are stored in the order in which samples ended, which is random."""
    sample, _, epoch = name.removesuffix(".json").rpartition("_epoch_")
    return (int(epoch) if epoch.isdecimal() and len(epoch) < 10 else 0, sample)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any] | str:
    """Return a JSON object from the zip, or a text that says what is wrong with it."""
    try:
        data = bytearray()
        with archive.open(name) as file:
            while len(data) <= MAX_SAMPLE_BYTES and (piece := file.read(_PIECE)):  # ignores the size in its header
                data += piece
    except NotImplementedError:
        if archive.getinfo(name).compress_type != ZSTANDARD:
            return "packed in an unknown way"
        raise InputError(f"{path}: packed with Zstandard, which needs an extra: {install_command('inspect')}") from None
    except KeyError:
        return "is missing"
    except Exception:  # each way of packing raises errors of its own types for damaged bytes
        return "damaged, or encrypted"
    if len(data) > MAX_SAMPLE_BYTES:
        return f"longer than {MAX_SAMPLE_BYTES >> 20} MiB"
    return parse(bytes(data))


def _fields(sample: dict[str, Any], scorer: str | None, evaluation: dict[str, Any]) -> dict[str, Any] | str:
    """Return the fields of a `BranchLine`, or the reason why the sample is skipped."""
    if sample.get("error"):
        return "the sample ended in an error"
    scores = sample.get("scores")
    score = scores.get(scorer) if isinstance(scores, dict) and scorer is not None else None
    if not isinstance(score, dict):
        return f"no score by {scorer}" if scorer else "no score"
    attached = sample.get("attachments")
    answer = _attachment(score.get("answer"), attached)
    value = score.get("value")
    verdict = _VERDICTS.get(value) if isinstance(value, str | int | float) else None
    target = sample.get("target")
    accepted = [_bare(item) for item in (target if isinstance(target, list) else [target])]
    answer = _bare(answer) or None
    if verdict is None and len(accepted) > 1:
        verdict = answer in accepted
    return {
        "question_id": sample.get("id"),
        "question": _question(sample.get("input"), attached),
        "gold_answer": accepted[0] if accepted else None,
        "branch": f"{evaluation.get('eval_id') or evaluation.get('run_id')}/{sample.get('epoch')}",
        "final_answer": answer,
        "total_tokens": _tokens(sample.get("model_usage"), evaluation.get("model")),
        "correct": verdict,
        "text": _completion(sample.get("output"), attached),
    }


def _bare(answer: Any) -> Any:
    return answer.strip() if isinstance(answer, str) else answer


def _tokens(usage: Any, model: Any) -> Any:
    """Return the output tokens of the evaluated model; a scorer may have used other models."""
    if not isinstance(usage, dict) or not usage:
        return None
    own = usage.get(model, next(iter(usage.values())) if len(usage) == 1 else None)
    return own.get("output_tokens") if isinstance(own, dict) else None


def _question(value: Any, attached: Any) -> Any:
    """Return the text of an input, which is either text or a list of messages."""
    if isinstance(value, list):
        texts = [_content(message.get("content"), attached) for message in value if isinstance(message, dict)]
        return "\n\n".join(text for text in texts if text)
    return _attachment(value, attached)


def _content(content: Any, attached: Any) -> str:
    """Return the text of a message, which is either text or a list of parts."""
    if isinstance(content, list):
        content = "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    text = _attachment(content, attached)
    return text if isinstance(text, str) else ""


def _completion(output: Any, attached: Any) -> str | None:
    text = _attachment(output.get("completion"), attached) if isinstance(output, dict) else None
    return text if isinstance(text, str) else None


def _attachment(value: Any, attached: Any) -> Any:
    """Return ``value``, or the long text to which it refers."""
    if isinstance(value, str) and value.startswith(_ATTACHED) and isinstance(attached, dict):
        return attached.get(value.removeprefix(_ATTACHED), value)
    return value
