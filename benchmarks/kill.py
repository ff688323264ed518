"""Kill a run at ten random instants, resume it each time, and compare the archives: `python benchmarks/kill.py`."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = ["--generations", "2", "--population", "4", "--islands", "2", "--orders", "1"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autotts", *arguments]


def tree(root: Path) -> dict[str, str]:
    """Return the hash of every file of an archive, without the derived index."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "index.sqlite")
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="autotts-kill-"))
    try:
        began = time.monotonic()
        subprocess.run(command("discover", "--run", str(home / "whole"), "--workers", "1", *SETTINGS), check=True)
        whole = time.monotonic() - began
        chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
        for kill in range(10):
            process = subprocess.Popen(
                command("discover", "--run", str(home / "killed"), "--workers", "2", *SETTINGS),
                start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(chance.uniform(0.2, whole / 4))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            folders = (home / "killed" / "archive").glob("g*-*")
            visible = [p for p in folders if p.is_dir()]
            half = [p.name for p in visible if not (p / "manifest.json").exists()]
            print(f"kill {kill + 1}: {len(visible)} versions, half-written: {half or 'none'}")
            if half:
                return 1
        subprocess.run(command("resume", str(home / "killed")), check=True)
        verified = subprocess.run(command("archive", "verify", "--run", str(home / "killed"))).returncode
        same = tree(home / "whole" / "archive") == tree(home / "killed" / "archive")
        print(f"archives {'equal' if same else 'DIFFER'}, verify exit code {verified}")
        return 0 if same and verified == 0 else 1
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main())
