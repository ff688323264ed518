"""A file with the beliefs about all versions of an archive: derived data, replaced as a whole with each generation.

Beliefs change with every new version, and the rest of a version never does; so the two are kept apart where an archive
may be large.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed
from autotts.envs.statistics import Floats

from ..records.row_columns import RowColumns
from .layout import BELIEFS
from .storage.stored_path import AnyPath


def write_beliefs(home: AnyPath, columns: RowColumns) -> None:
    """Write the beliefs of all versions.

    Args:
        home: directory of the files that follow from the versions.
        columns: the rows of all versions, with beliefs.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("ids.json"), json.dumps(columns.ids))
        points, accuracy = np.array(columns.points, np.int32), columns.believed[:, 1]
        for name, column in (("points", points), ("accuracy", accuracy), ("noise", columns.noise)):
            data = io.BytesIO()
            np.save(data, column, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue())
    write_sealed(home / BELIEFS, buffer.getvalue())


def with_beliefs_file(home: AnyPath, columns: RowColumns) -> RowColumns:
    """Return the columns with the beliefs that the file holds; a version that it does not know has none.

    Args:
        home: directory of the files that follow from the versions.
        columns: the rows of versions, without beliefs.

    Raises:
        DamagedFile: the file is damaged.
    """
    path = home / BELIEFS
    try:
        with zipfile.ZipFile(io.BytesIO(read_sealed(path))) as archive:
            ids = json.loads(archive.read("ids.json"))
            points, accuracy, noise = (
                np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
                for name in ("points", "accuracy", "noise")
            )
        return _joined(columns, ids, points, accuracy, noise)
    except FileNotFoundError:
        return columns
    except DamagedFile:
        raise
    except Exception as error:  # zipfile and numpy raise many types of errors for damaged bytes
        raise DamagedFile(f"{path}: damaged ({error}); `autotts archive reindex` makes it anew") from None


def _joined(columns: RowColumns, ids: list[str], points: Floats, accuracy: Floats, noise: Floats) -> RowColumns:
    believed = columns.curves.copy()
    if ids == columns.ids and points.tolist() == columns.points:
        believed[:, 1] = accuracy
        return replace(columns, believed=believed, noise=noise)
    at, ends = {id: row for row, id in enumerate(ids)}, np.cumsum([0, *points])
    found = np.full((len(columns), noise.shape[1]), np.nan)
    first = 0
    for row, (id, count) in enumerate(zip(columns.ids, columns.points, strict=True)):
        known = at.get(id)
        if known is not None and points[known] == count:
            believed[first : first + count, 1] = accuracy[ends[known] : ends[known + 1]]
            found[row] = noise[known]
        first += count
    return replace(columns, believed=believed, noise=found)
