"""Where a run or an archive is, as a user names it: a directory, or an address ``postgresql://HOST/DATABASE/NAME``.

| text | means |
|---|---|
| ``runs/1`` | a directory |
| ``postgresql://HOST/DATABASE/NAME`` | the run NAME in a database; its archive is the archive NAME |
| ``postgresql://HOST/DATABASE/NAME``, as an archive | the archive NAME, that of the run NAME if there is one |
| ``postgresql://HOST/DATABASE?archive=NAME`` | the same archive |
| ``postgresql://HOST/DATABASE`` | a new run, or the newest; the archive ``archive`` |

Other parameters of the query go to PostgreSQL's own library: ``host`` (the directory of a socket), ``port``,
``service``, ``sslmode``. A password is never part of an address: it comes from ``PGPASSWORD``, ``~/.pgpass`` or a
service file.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from autotts.envs.errors import InputError

from .names import checked_part
from .postgres.address import DatabaseAddress, Kind
from .protocol import Storage
from .stored_path import AnyPath, StoredPath

ARCHIVE = "archive"
"""The parameter that names an archive, and the name of an archive that nobody has named."""
CONFIG = "config.json"
"""The file that makes a directory a run."""
_ADDRESS = re.compile(r"(?:postgresql|postgres)://", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Return whether a text names a run or an archive in a database, rather than a directory."""
    return _ADDRESS.match(text) is not None


def parsed(text: str, kind: Kind) -> DatabaseAddress:
    """Return the run or the archive that an address names.

    Args:
        text: the address.
        kind: what the user names.

    Raises:
        InputError: it is no such address, it names no run, or it holds a password.
    """
    server, name = _split(text)
    if not name and kind == "run":
        raise InputError(f"{server}: name the run, as in postgresql://HOST/DATABASE/NAME")
    return DatabaseAddress(server, kind, checked_part(name or ARCHIVE))


def _split(text: str) -> tuple[str, str]:
    """Return the address of a database, and the name that follows it; empty if there is none."""
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        secret = parts.password is not None
    except ValueError as error:
        raise InputError(f"no address of a database ({error}): postgresql://HOST/DATABASE/NAME") from None
    if secret or any(key.lower() in ("password", "sslpassword") for key, _ in pairs):
        raise InputError("leave the password out of the address: use PGPASSWORD, ~/.pgpass or a service file")
    given = dict(pairs)
    database, *rest = [unquote(part) for part in parts.path.removeprefix("/").rstrip("/").split("/")]
    if named := given.pop(ARCHIVE, ""):
        rest.append(named)
    if len(rest) > 1 or parts.fragment or (not database and "service" not in given):
        raise InputError(f"{text}: no address of a run or an archive; such as postgresql://HOST/DATABASE/NAME")
    server = f"postgresql://{parts.netloc}/{quote(database, safe='')}"
    if given:
        server += f"?{urlencode(given, quote_via=quote, safe='/')}"
    return server, rest[0] if rest else ""


def located(text: str, kind: Kind = "run") -> AnyPath:
    """Return where the run or the archive is that a user names; nothing is opened.

    Raises:
        InputError: it is no valid address, it names no run (`next_home`, `newest_home`), or the packages for databases
            are missing.
    """
    if not is_address(text):
        return Path(text)
    return _stored(parsed(text, kind))


def _stored(address: DatabaseAddress) -> StoredPath:
    from .postgres.storage import PostgresStorage

    return StoredPath(PostgresStorage(address))


def names_server(text: str) -> bool:
    """Return whether an address names a database alone.

    Raises:
        InputError: it is no valid address.
    """
    return is_address(text) and not _split(text)[1]


def next_home(text: str) -> StoredPath:
    """Return the first unused number as the name of a run in the database that an address names."""
    server, names = _runs(text)
    taken = [int(name) for name in names if name.isdecimal() and len(name) < 10]
    return _stored(DatabaseAddress(server, "run", str(max(taken, default=0) + 1)))


def newest_home(text: str) -> StoredPath:
    """Return the run that began last in the database that an address names.

    Raises:
        InputError: there is no run.
    """
    server, names = _runs(text)
    if not names:
        raise InputError(f"no run in {server}; begin one with `autotts discover`, or name another database")
    return _stored(DatabaseAddress(server, "run", names[-1]))


def _runs(text: str) -> tuple[str, list[str]]:
    from .postgres.place import run_names

    server = _split(text)[0]
    return server, run_names(server)


def storage_of(root: AnyPath) -> Storage:
    """Return the storage of a run or an archive, given where it is."""
    if isinstance(root, StoredPath):
        return root.storage
    from .directory import DirectoryStorage

    return DirectoryStorage(root)


def archive_of(home: AnyPath) -> AnyPath:
    """Return where the archive of a run is."""
    if isinstance(home, Path):
        return home / ARCHIVE
    return _stored(replace(_address(home), kind="archive"))


def run_home_of(root: AnyPath) -> AnyPath | None:
    """Return where the run is that an archive belongs to; None for an archive alone."""
    if isinstance(root, Path):
        home: AnyPath | None = root.parent if root.name == ARCHIVE else None
    else:
        home = _stored(replace(_address(root), kind="run"))
    return home if home is not None and (home / CONFIG).is_file() else None


def of_a_run(root: AnyPath) -> bool:
    """Return whether an archive lies in the directory of a run, whatever it is called there, or is that of a run."""
    if isinstance(root, Path):
        return (root.parent / CONFIG).is_file()
    return run_home_of(root) is not None


def _address(path: StoredPath) -> DatabaseAddress:
    from .postgres.storage import PostgresStorage

    assert isinstance(path.storage, PostgresStorage), "a storage of another kind has no runs"
    return path.storage.address
