"""Copies the interpreter, its standard library and worker.py to a new root, while the sandbox image is built.

Standard library only; see Dockerfile.sandbox.
"""

import glob
import importlib
import os
import shutil
import sys
import sysconfig

USELESS = ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "*-packages", "config-*")


def main(root: str) -> None:
    python = os.path.realpath(sys.executable)
    library = sysconfig.get_path("stdlib")
    extensions = {path for path in sys.path if path.endswith("lib-dynload")} | {os.path.join(library, "lib-dynload")}
    shutil.copytree(library, root + library, symlinks=True, ignore=shutil.ignore_patterns(*USELESS))
    for place in extensions:
        if os.path.isdir(place) and not os.path.exists(root + place):
            shutil.copytree(place, root + place)
    for file in [python, *loaded(extensions), *glob.glob("/lib*/ld-linux*"), *glob.glob("/etc/ld.so.cache")]:
        copy(file, root)
    for name in ("lib", "lib64"):
        if os.path.islink("/" + name) and not os.path.lexists(f"{root}/{name}"):
            os.symlink(os.readlink("/" + name), f"{root}/{name}")
    for name in ("tmp", "proc", "dev", "sys", "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)  # only the owner may write to them, to /tmp too
    copy("/worker.py", root)
    os.symlink(python, f"{root}/python3")


def loaded(extensions: set[str]) -> list[str]:
    """Return the shared libraries in use once every extension module is loaded, under all their names."""
    for place in extensions:
        for file in glob.glob(os.path.join(place, "*.so")):
            try:
                importlib.import_module(os.path.basename(file).partition(".")[0])
            except Exception as error:
                print("left out:", error)
    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[5].strip() for line in maps if len(line.split(maxsplit=5)) == 6}
    libraries = {file for file in files if file.startswith("/") and os.path.isfile(file)}
    beside = (file for place in {os.path.dirname(file) for file in libraries} for file in glob.glob(place + "/*.so*"))
    return sorted(libraries | {file for file in beside if os.path.realpath(file) in libraries})


def copy(file: str, root: str) -> None:
    """Copy ``file`` to the same path under ``root``, and the file to which it links; links to directories are followed.
    """
    place = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
    if not os.path.lexists(root + place):
        os.makedirs(os.path.dirname(root + place), exist_ok=True)
        shutil.copy2(place, root + place, follow_symlinks=False)
    if os.path.islink(place):
        copy(os.path.realpath(place), root)


if __name__ == "__main__":
    main(sys.argv[1])
