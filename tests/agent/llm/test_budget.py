"""Prices, spending and spending limits."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from autotts.agent.llm.budget import LimitReached, LlmBudget, Spending, SpendingLimit, SpendingLimits
from autotts.agent.llm.prices import UNKNOWN, VARIABLE, Price, Prices, Usage, estimate_cost
from autotts.envs.errors import InputError

CHEAP = Price(input=1, cache_write=2, cache_read=0.1, output=5)


def dollar(calls: int = 1) -> Spending:
    return Spending(dollars=1.0, calls=calls, usage=Usage(input=10, output=1))


# Prices


def test_dollars_are_per_million_tokens() -> None:
    usage = Usage(input=1_000_000, cache_write=500_000, cache_read=2_000_000, output=100_000)
    assert CHEAP.dollars(usage) == pytest.approx(1 + 1 + 0.2 + 0.5)
    assert usage.prompt == 3_500_000 and (usage + usage).output == 200_000


def test_long_prompts_may_cost_more() -> None:
    price = Price(input=1, cache_write=1, cache_read=1, output=1, long_from=100, long_factor=5)
    assert price.dollars(Usage(input=100, output=100)) == pytest.approx(200e-6)
    assert price.dollars(Usage(input=50, cache_read=51, output=100)) == pytest.approx(5 * 201e-6)


def test_builtin_prices_are_complete() -> None:
    prices = Prices()
    assert len(prices.table) > 20
    for name, price in prices.table.items():
        assert 0 < price.cache_read <= price.input <= price.cache_write < price.output, name
    assert prices.of("claude-haiku-4-5-20251001") == prices.of("claude-haiku-4-5")


def test_error_for_an_unknown_model_says_how_to_add_its_price() -> None:
    assert Prices().of("llama-9") is UNKNOWN and Prices().find("llama-9") is None
    with pytest.raises(InputError, match=r"no price is known for the model 'llama-9'.*--prices FILE") as error:
        Prices().check_limit("llama-9")
    example = str(error.value).partition("write a file ")[2].partition(" with its")[0]
    assert set(json.loads(example)) == {"llama-9"} and VARIABLE in str(error.value)


def test_user_prices_override_builtin_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"mine": {"input": 0, "cache_write": 0, "cache_read": 0, "output": 0}}')
    assert Prices(path).of("mine").dollars(Usage(input=10**9)) == 0
    monkeypatch.setenv(VARIABLE, str(path))
    assert Prices().of("mine") and Prices().of("claude-opus-5")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"m": {"input": -1, "cache_write": 0, "cache_read": 0, "output": 0}}', '{"m": {"input": 1}}',
     '{"m": {"input": NaN, "cache_write": 0, "cache_read": 0, "output": 0}}', '{"m": {"inputs": 1}}', "\xff"],
)  # fmt: skip
def test_bad_price_file_gives_a_one_line_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"prices\.json: not a table of prices") as error:
        Prices(path)
    assert "\n" not in str(error.value)


def test_missing_price_file_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the prices"):
        Prices(tmp_path / "none.json")


def test_estimate_grows_with_prompt_and_proposals() -> None:
    one, many = estimate_cost(CHEAP, 24_000, 1), estimate_cost(CHEAP, 24_000, 40)
    assert 0 < one.low < one.high and many.high == pytest.approx(40 * one.high)
    assert estimate_cost(CHEAP, 48_000, 1).low > one.low and "for 40 proposals" in str(many)


# Limits


def test_limit_on_dollars_stops_the_run() -> None:
    budget = LlmBudget(SpendingLimits(run=SpendingLimit(dollars=2)))
    for generation in (1, 2):
        ticket = budget.reserve(generation, 0.1)
        assert ticket is not None
        budget.record(generation, dollar())
        budget.release(ticket)
    with pytest.raises(LimitReached, match=r"the run has spent \$2\.0000 of at most \$2") as reached:
        budget.reserve(3, 0.1)
    assert reached.value.scope == "run" and budget.spent().dollars == 2 and budget.spent(1).dollars == 1


def test_generation_limit_does_not_affect_the_next_generation() -> None:
    budget = LlmBudget(SpendingLimits(generation=SpendingLimit(calls=3)))
    budget.record(1, dollar(calls=3))
    with pytest.raises(LimitReached, match="generation 1 has made 3 of at most 3 calls") as reached:
        budget.reserve(1, 0.0)
    assert reached.value.scope == "generation" and budget.reserve(2, 0.0) is not None


def test_limit_of_zero_allows_no_call() -> None:
    for limit in (SpendingLimit(dollars=0), SpendingLimit(calls=0), SpendingLimit(hours=0)):
        with pytest.raises(LimitReached):
            LlmBudget(SpendingLimits(run=limit)).reserve(1, 0.0)


def test_hours_include_the_work_of_earlier_processes() -> None:
    time = [0.0]
    budget = LlmBudget(
        SpendingLimits(run=SpendingLimit(hours=3), generation=SpendingLimit(hours=1)), lambda: time[0], hours_before=1.5
    )
    assert budget.reserve(1, 0.0)
    time[0] += 3600
    with pytest.raises(LimitReached, match=r"generation 1 has worked 1\.00 of at most 1 hours"):
        budget.reserve(1, 0.0)
    assert budget.reserve(2, 0.0)
    time[0] += 1800
    with pytest.raises(LimitReached, match=r"the run has worked 3\.00 of at most 3 hours"):
        budget.reserve(2, 0.0)


def test_reservation_waits_while_calls_in_flight_may_use_up_the_budget() -> None:
    budget = LlmBudget(SpendingLimits(run=SpendingLimit(dollars=1.0)))
    first = budget.reserve(1, 0.6)
    second = budget.reserve(1, 0.6)
    assert first and second and budget.reserve(1, 0.6) is None
    budget.record(1, Spending(dollars=0.1, calls=1))  # cheaper than reserved
    budget.release(first)
    third = budget.reserve(1, 0.6)
    assert third and budget.reserve(1, 0.1) is None
    budget.record(1, Spending(dollars=0.9, calls=1))
    for ticket in (second, third):
        budget.release(ticket)
    with pytest.raises(LimitReached):
        budget.reserve(1, 0.0)


def test_wait_returns_when_a_call_ends() -> None:
    budget = LlmBudget()
    ticket = budget.reserve(1, 1.0)
    assert ticket
    waiting = threading.Thread(target=budget.wait)
    waiting.start()
    budget.release(ticket)
    waiting.join(30)
    assert not waiting.is_alive()
    budget.wait()  # returns at once if no call is in flight


def test_threads_do_not_exceed_the_limit() -> None:
    budget = LlmBudget(SpendingLimits(run=SpendingLimit(calls=50)))
    made: list[int] = []

    def work() -> None:
        while True:
            try:
                ticket = budget.reserve(1, 0.0)
            except LimitReached:
                return
            if ticket is None:
                budget.wait()
                continue
            made.append(ticket)
            budget.record(1, dollar())
            budget.release(ticket)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 50 == budget.spent().calls


def test_spending_as_text() -> None:
    spent = Spending(dollars=1.5, usage=Usage(input=500, cache_read=1500, output=70), calls=3, failed=1)
    assert str(spent) == "$1.5000, 3 calls (1 failed), 2,000 tokens in (75% cached), 70 out"
    assert str(Spending()) == "$0.0000, 0 calls (0 failed), 0 tokens in (0% cached), 0 out"
