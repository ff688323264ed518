"""The library's way to a live model."""

from __future__ import annotations

import pytest

import autotts

from ..envs.live.stub_server import StubQuestion, StubServer

QUESTION = "What is 1 + 1?"
ANSWERS: list[list[str | None]] = [["3", "2", "2"], [None, "3", "3"], ["2", "2"], ["2", None, "2"]]


class FirstTwo(autotts.Controller):
    """Reads two branches."""

    name = "first_two"

    def solve(self, question: autotts.Question) -> str | None:
        return autotts.majority(question.run_many_to_end(question.branch_many(2)))


@pytest.mark.slow
def test_a_model_is_asked_by_a_controller_in_the_sandbox_and_by_trusted_code() -> None:
    with StubServer([StubQuestion.of(QUESTION, ANSWERS, [120, 110, 70, 150], 50)]) as server:
        with autotts.connect(server.base_url) as live:
            assert (live.model, live.level) == (server.model_name, "full")
            found = live.ask("self_consistency", QUESTION, beta=1, branches=4, delta=50, answers="exact")
            assert isinstance(found, autotts.LiveAnswer) and found.verdict.ok
            assert (found.answer, found.tokens, found.latency) == ("2", 450, 150)
            mine = live.ask(FirstTwo, QUESTION, sandbox="process", delta=50, branches=2, answers="exact")
            assert mine.verdict.ok and mine.branches == 2
            with live.question(QUESTION, delta=50, branches=4, answers="exact") as question:
                assert isinstance(question, autotts.LiveQuestion)
                assert question.step(question.branch())[1] is False and question.tokens == 50
        live.close()


@pytest.mark.slow
def test_settings_that_cannot_be_used_are_input_errors() -> None:
    with StubServer() as server, autotts.connect(server.base_url) as live:
        with pytest.raises(autotts.InputError, match="delta is -1"):
            live.ask("self_consistency", "1 + 1?", delta=-1)
        with pytest.raises(autotts.InputError, match="--extract"):
            live.question("1 + 1?", extract=["("])
        with pytest.raises(autotts.InputError, match="no family"):
            live.question("1 + 1?", probe_suffix="nobody")
        with pytest.raises(autotts.InputError):
            autotts.connect(server.base_url, "no-such-model")
