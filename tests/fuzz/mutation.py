"""Mutations of bytes, of JSON, of columns of numbers and of zips; each keeps its container readable."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

Raw = Callable[[bytes, Random], bytes]
"""Changes bytes without knowledge of what they mean."""
Files = dict[str, bytes]

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
KINDS = ("u1", "<u2", "<u4", "<u8", "<i4", ">i4", "<i8", "<f4", "<f8", "c8", "?", "S3", "U2", "M8[s]")
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, 1e308, float("nan"), float("inf"), "", "\0",
    "\ud800", "..", "../x", "/etc/passwd", "\x1b[2J", "a" * 5000, [], {}, [[]], {"": None}, ["a"], [0] * 300,
)  # fmt: skip


def raw(data: bytes, chance: Random) -> bytes:
    """Change a few bytes: flip, set, insert, delete, repeat, or cut."""
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(result) + 1)
        size = chance.choice((1, 1, 2, 4, 8, 16))
        match chance.randrange(7):
            case 0 if result:
                result[at - 1] ^= 1 << chance.randrange(8)
            case 1 if result:
                result[at - 1] = chance.randrange(256)
            case 2:
                result[at:at] = chance.randbytes(size)
            case 3:
                del result[at : at + size]
            case 4:
                result[at:at] = result[at : at + size] * chance.choice((1, 2, 50))
            case 5:
                width = chance.choice((1, 2, 4, 8))
                result[at : at + width] = (chance.choice(NUMBERS) % (1 << 8 * width)).to_bytes(width, "little")
            case 6 if not chance.randrange(8):
                del result[at:]
    return bytes(result)


def mutated_json(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change one value of a JSON document; change its bytes now and then, or if it is not a document."""
    if not chance.randrange(12):
        return change(data, chance)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return change(data, chance)
    holders: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(holders) < 500:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        holders += [(value, key) for key in keys]
        waiting += [value[key] for key in keys]
    if not holders:
        return json.dumps(chance.choice(ODD)).encode()
    holder, key = chance.choice(holders)
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1:
            other, other_key = chance.choice(holders)
            if other_key in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = json.loads(json.dumps(other[other_key]))
        case 2 if isinstance(holder[key], (int, float)):
            holder[key] = chance.choice(
                (holder[key] + 1, holder[key] - 1, -holder[key], holder[key] // 3, str(holder[key]))
            )
        case 3 if isinstance(holder, dict):
            holder[chance.choice(("x", "", str(key) + "2", "\0"))] = holder[key]
        case _:
            holder[key] = chance.choice(ODD)
    text = json.dumps(document)
    if not chance.randrange(60):
        text = text.replace("{", '{"deep": ' + "[" * 3000 + "]" * 3000 + ", ", 1)
    return text.encode()


def mutated_column(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change a number, the length, the type or the shape of a .npy file; or its bytes now and then."""
    if not chance.randrange(6):
        return change(data, chance)
    try:
        column = _changed(np.load(io.BytesIO(data), allow_pickle=False), chance)
    except Exception:  # it has been changed before, or has no numbers
        return change(data, chance)
    file = io.BytesIO()
    np.save(file, column, allow_pickle=False)
    return file.getvalue()


def _changed(column: npt.NDArray[Any], chance: Random) -> npt.NDArray[Any]:
    with np.errstate(all="ignore"):
        match chance.randrange(7):
            case 0 | 1 if column.size:
                column = column.reshape(-1).copy()
                values = (0, 1, 2, 5, column.max(), column.min(), -column[0])
                column[chance.randrange(column.size)] = chance.choice(values)
            case 2:
                column = column.astype(chance.choice(KINDS))
            case 3 if column.ndim:
                column = column[: chance.randrange(len(column) + 1)]
            case 4:
                column = np.concatenate((column.reshape(-1), column.reshape(-1)[: chance.randrange(9)]))
            case 5:
                column = column.reshape(chance.choice(((-1, 1), (1, -1))))
            case 6 if column.dtype.kind in "iu":
                column = np.append(column.astype(np.uint64), np.uint64(chance.choice(NUMBERS)))
    return column


def mutated_file(name: str, data: bytes, chance: Random, change: Raw) -> bytes:
    """Change a file by the rules of its format, which its name tells."""
    if name.endswith(".json"):
        return mutated_json(data, chance, change)
    if name.endswith(".npy"):
        return mutated_column(data, chance, change)
    if name.endswith(".npz"):
        files = unzipped(data)
        if not files or not chance.randrange(8):
            return change(data, chance)
        return zipped(mutated_files(files, chance, change), zipfile.ZIP_DEFLATED)
    return change(data, chance)


def mutated_files(files: Files, chance: Random, change: Raw) -> Files:
    """Change, rename, swap, remove or double one file."""
    files = dict(files)
    name = chance.choice(list(files))
    match chance.randrange(16):
        case 0:
            del files[name]
        case 1:
            files[chance.choice(("x", "../x", "/x", name + "/", name + ".npy", "\0", name.upper()))] = files[name]
        case 2:
            files[chance.choice(list(files))] = files[name]
        case _:
            files[name] = mutated_file(name, files[name], chance, change)
    return files


def unzipped(data: bytes) -> Files:
    """Return the files of a zip, or {} if it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {entry.filename: archive.read(entry) for entry in archive.infolist() if entry.file_size < 1 << 20}
    except Exception:  # zipfile raises many types of errors for damaged bytes
        return {}


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED, level: int = 1) -> bytes:
    """Return a zip of ``files`` with true checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=level) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name.replace("\0", "_"), (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = method, 3, 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def mutated_directory(data: bytes, chance: Random) -> bytes:
    """Change a field of one entry in the directory of a zip: it then lies about the sizes, the method or the place."""
    result, at, places = bytearray(data), 0, []
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        places.append(at)
        at += 4
    if not places:
        return raw(data, chance)
    at = chance.choice(places)
    offset, width = chance.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (38, 4), (42, 4)))
    value = chance.choice((*NUMBERS, len(data), int.from_bytes(data[at + offset : at + offset + width], "little") + 1))
    result[at + offset : at + offset + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(result[: max(len(data), at + offset + width)])
