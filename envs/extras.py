"""Says how to install the packages of an optional feature.

Nobody but this project may promise that a name on a package index is ours, so messages name the packages themselves.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires


def install_command(extra: str) -> str:
    """Return the command that installs the packages of ``extra``, such as ``pip install 'matplotlib<4,>=3.8'``."""
    try:
        requirements = requires("autotts-discovery") or []
    except PackageNotFoundError:  # the sources are on the path, but not installed
        requirements = []
    split = (requirement.partition(";") for requirement in requirements)
    packages = [name.strip() for name, _, marker in split if marker.replace("'", '"').strip() == f'extra == "{extra}"']
    quoted = " ".join(f"'{package}'" for package in packages)
    return f"pip install {quoted}" if packages else f"pip install '.[{extra}]' in a checkout"
