"""Seals: checksums inside the files of a run, so that one changed byte is seen.

A seal is the last part of a file, in a form that its format allows: a last key of a JSON object, the comment of a zip,
a last line of a text. It holds the SHA-256 of the content, which is the file without the seal. A seal finds damage; it
does not prove who wrote the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import DamagedFile
from .kept_file import KeptFile
from .store import write_atomically

_COMMENT = b"\x47\x00sha256 "
"""Ends a zip: the length of its comment (71 bytes), and the comment up to its digest."""
_OWN = "its content does not match its checksum, which has to be removed if the change is yours"
_LINE = re.compile(rb'"sum": "([0-9a-f]{16})"\}')


@dataclass(frozen=True, slots=True)
class _Seal:
    """The bytes of a seal around its digest, and the last bytes of the content, which it replaces."""

    before: bytes
    after: bytes
    replaces: bytes


_SEALS: dict[str, tuple[_Seal, ...]] = {
    ".json": (_Seal(b',\n "checksum": "', b'"\n}', b"\n}"), _Seal(b',"checksum":"', b'"}', b"}")),
    ".npz": (_Seal(_COMMENT, b"", b"\0\0"),),
    ".md": (_Seal(b"<!-- sha256 ", b" -->\n", b""),),
    ".sqlite": (_Seal(b"\nsha256 ", b"\n", b""),),
}
"""By suffix of the file; the first that fits is taken."""
_OTHERS = (_Seal(b"\n# sha256 ", b"\n", b""),)


def sealed(name: str, content: bytes) -> bytes:
    """Return the bytes of a sealed file.

    Args:
        name: name of the file; its suffix decides the form of the seal.
        content: the content. An empty JSON object has no place for a seal, and stays as it is.
    """
    digest = hashlib.sha256(content).hexdigest().encode()
    for seal in _forms(name):
        if content.endswith(seal.replaces) and not content.endswith(b"{}"):
            return content.removesuffix(seal.replaces) + seal.before + digest + seal.after
    return content


def is_sealed(name: str, data: bytes) -> bool:
    """Return whether a file has a seal, right or wrong. Files of earlier versions have none."""
    return _split(name, data) is not None


def content(path: Path | KeptFile, data: bytes) -> bytes:
    """Return the content of a file without its seal; all of it if it has none.

    Args:
        path: the file, for its suffix and for the message.
        data: its bytes.

    Raises:
        DamagedFile: the content does not match the seal.
    """
    found = _split(path.name, data)
    if found is None:
        cut = path.suffix == ".npz" and _COMMENT in data[-len(_COMMENT) - 64 :]  # the digest is not whole
        if cut or (path.suffix == ".json" and b'"checksum"' in data[-120:]):  # in a text it has backslashes
            raise DamagedFile(f"{path}: damaged ({_OWN}); see `autotts run verify`")
        return data
    inner, digest = found
    if hashlib.sha256(inner).hexdigest().encode() != digest:
        raise DamagedFile(f"{path}: damaged ({_OWN}); see `autotts run verify`")
    return inner


def read_sealed(path: Path | KeptFile) -> bytes:
    """Return the content of a file without its seal.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: the content does not match the seal.
    """
    return content(path, path.read_bytes())


def write_sealed(path: Path | KeptFile, data: bytes) -> None:
    """Write a file and its seal atomically (`write_atomically`)."""
    write_atomically(path, sealed(path.name, data))


def sealed_line(document: str) -> str:
    """Return a JSON object on one line with a checksum as its last key, and without a line break."""
    digest = hashlib.sha256(document.encode()).hexdigest()[:16]
    return f'{document[:-1]}, "sum": "{digest}"}}'


def line_content(line: str) -> str | None:
    """Return a line without its checksum, or the whole line if it has none; None if the checksum is wrong."""
    data = line.encode(errors="surrogatepass")
    found = _LINE.search(data, max(0, len(data) - 27))
    if found is None or found.end() != len(data):
        return line
    inner = data[: found.start()].removesuffix(b", ") + b"}"
    return inner.decode(errors="surrogatepass") if _short(inner) == found[1] else None


def _short(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:16].encode()


def _forms(name: str) -> tuple[_Seal, ...]:
    return _SEALS.get(Path(name).suffix, _OTHERS)


def _split(name: str, data: bytes) -> tuple[bytes, bytes] | None:
    """Return the content and the digest of a file with a seal; None without one."""
    for seal in _forms(name):
        first = len(data) - len(seal.after) - 64
        start = first - len(seal.before)
        if start >= 0 and data.endswith(seal.after) and data[start:first] == seal.before:
            return data[:start] + seal.replaces, data[first : first + 64]
    return None
