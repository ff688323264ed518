"""Plants a module where the next candidate's interpreter looks for it."""

import os
import sys
import sysconfig

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        paths = [
            *sys.path,
            *sysconfig.get_paths().values(),
            os.path.dirname(os.__file__),
            os.path.dirname(sys.executable),
        ]
        stopped = None
        for place in dict.fromkeys(path for path in paths if path):
            for name in ("usercustomize.pth", "planted_by_a_candidate.py", "__pycache__/planted.pyc"):
                file = os.path.join(place, name)
                try:
                    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                    os.unlink(file)
                    raise Breach(f"planted {file}")
                except OSError as error:
                    stopped = error
        try:
            os.close(os.open(os.__file__, os.O_WRONLY))  # writes nothing
            raise Breach(f"may write to {os.__file__}")
        except OSError as error:
            stopped = error
        raise stopped
