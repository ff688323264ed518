"""Puts a million probes of one answer into the log, each of which the host must check."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        i = question.branch()
        question.advance(i)
        answer = question.probe(i)
        log, times = question.log, 1_000_000
        log.verbs += [2] * times
        log.repeats += [1] * times
        log.counts += [1] * times
        log.indices += [i] * times
        return answer
