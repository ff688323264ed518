"""Copies what a candidate may use to a new root directory: the interpreter, its modules and worker.py, 200 files.

Standard library only, and called as a script: ``python3 -I -S shrink.py ROOT MODULE...``. `sandbox.backends.root` calls
it for bubblewrap, and `Dockerfile.sandbox` for the image, with the modules in a file. It prints the names of the files
that it copied, as JSON.
"""

import json
import os
import sys
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
WORKER = os.path.join(HERE, "worker.py")
PREFIX = os.path.realpath(sys.base_prefix)
NEUTRAL = PREFIX if PREFIX in ("/usr", "/usr/local") else "/python"
"""The new prefix of the interpreter: the path of one that belongs to a user would tell the name of the user."""


def main(root: str, names: list[str]) -> None:
    python = os.path.realpath(sys.executable)
    modules = preloaded(names)
    copied = sorted({python, WORKER, *files(modules), *loaded_libraries(), *loaders()})
    for file in copied:
        if file != WORKER:
            keep(file, root)
    for name in ("lib", "lib64"):
        if os.path.islink("/" + name) and not os.path.lexists(f"{root}/{name}"):
            os.symlink(os.readlink("/" + name), f"{root}/{name}")
    for name in ("tmp", "proc", "dev", "sys", "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)  # only the owner may write to them, to /tmp too
    copy(WORKER, root + "/worker.py")
    compile_missing(modules, root)
    os.symlink(moved(python), f"{root}/python3")
    print(json.dumps(copied))


def listed() -> list[str]:
    """Return the modules that the file beside this script lists."""
    with open(os.path.join(HERE, "modules")) as file:
        return file.read().split()


def preloaded(names: list[str]) -> list[ModuleType]:
    """Return the modules that are loaded in a worker that was told to load ``names``."""
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True  # of worker.py
    import worker  # type: ignore[import-not-found]

    sys.path.remove(HERE)
    worker.preload(names)
    worker.hide()  # loads ctypes
    return [module for name, module in sys.modules.items() if name not in ("worker", "__main__")]


def files(modules: list[ModuleType]) -> list[str]:
    """Return the files of ``modules``, and their compiled forms."""
    named = [getattr(module, name, None) for module in modules for name in ("__file__", "__cached__")]
    if sys.implementation.name == "pypy":  # it finds its library by this file, which is not loaded here
        named.append(os.path.join(os.path.dirname(os.__file__), "site.py"))
    return sorted({os.path.realpath(file) for file in named if file and os.path.isfile(file)})


def loaded_libraries() -> list[str]:
    """Return the shared libraries in use, under all their names."""
    with open("/proc/self/maps") as maps:
        mapped = {line.split(maxsplit=5)[5].strip() for line in maps if len(line.split(maxsplit=5)) == 6}
    found = {file for file in mapped if file.startswith("/") and ".so" in os.path.basename(file)}
    beside = (os.path.join(place, name) for place in {os.path.dirname(file) for file in found} for name in _list(place))
    return sorted(found | {file for file in beside if os.path.realpath(file) in found})


def loaders() -> list[str]:
    """Return the names of the dynamic loader, and of its cache."""
    places = (os.path.join(place, name) for place in ("/lib", "/lib64") for name in _list(place))
    return [*(place for place in places if os.path.basename(place).startswith("ld-")), "/etc/ld.so.cache"]


def _list(place: str) -> list[str]:
    return [name for name in os.listdir(place) if ".so" in name] if os.path.isdir(place) else []


def compile_missing(modules: list[ModuleType], root: str) -> None:
    """Compile the modules whose compiled form was not there to copy: a worker could not keep it, and start slowly."""
    import py_compile  # here, or it would be among the modules that are copied

    for module in modules:
        file, compiled = (getattr(module, name, None) for name in ("__file__", "__cached__"))
        if file and compiled and file.endswith(".py"):
            to = root + moved(os.path.realpath(compiled))
            if not os.path.exists(to):
                py_compile.compile(root + moved(os.path.realpath(file)), to, moved(file), doraise=True)
                os.chmod(to, 0o644)


def moved(file: str) -> str:
    """Return the path of ``file`` under the new root."""
    return NEUTRAL + file[len(PREFIX) :] if file.startswith(PREFIX + "/") else file


def keep(file: str, root: str) -> None:
    """Copy ``file`` to ``root``, and the file to which it links; links to directories are followed."""
    file = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
    to = root + moved(file)
    if not os.path.lexists(file) or os.path.lexists(to):
        return
    if os.path.islink(file):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        target = os.readlink(file)
        os.symlink(moved(target) if target.startswith("/") else target, to)
        keep(os.path.join(os.path.dirname(file), target), root)
    else:
        copy(file, to)


def copy(file: str, to: str) -> None:
    """Copy the contents, the permissions and the times of ``file``: those of a source are in its compiled form."""
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with open(file, "rb") as source, open(to, "wb") as target:
        target.write(source.read())
    status = os.stat(file)
    os.chmod(to, 0o755 if status.st_mode & 0o111 else 0o644)
    os.utime(to, ns=(status.st_atime_ns, status.st_mtime_ns))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or listed())
