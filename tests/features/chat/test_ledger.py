"""Usage of a run adds up per step and survives a takeover."""

from decimal import Decimal

from clary.features.chat.ledger import RunUsage
from clary.runtime.model import Usage


def test_calls_of_one_step_are_one_line_and_the_total_is_their_sum() -> None:
    usage = RunUsage()
    usage.add("direct_execution", "m", Usage(10, 2, cached_tokens=4))
    usage.add("direct_execution", "m", Usage(5, 1))
    usage.add("history_compaction", "small", None, note="provider_timeout")
    usage.add_cost(Decimal("0.5"))
    usage.add_cost(None)
    assert usage.wire("USD") == {
        "total_info": {
            "prompt_tokens": 15,
            "completion_tokens": 3,
            "total_tokens": 18,
            "cached_tokens": 4,
            "cost": 0.5,
            "currency": "USD",
        },
        "per_step_info": [
            {
                "step_name": "direct_execution",
                "usage": {"prompt_tokens": 15, "completion_tokens": 3, "total_tokens": 18, "cached_tokens": 4},
                "model": "m",
            },
            {"step_name": "history_compaction", "usage": None, "model": "small", "note": "provider_timeout"},
        ],
        "model": "m",
        "models": ["m", "small"],
    }


def test_a_takeover_goes_on_adding_where_the_dead_process_stopped() -> None:
    usage = RunUsage()
    usage.add("direct_execution", "m", Usage(10, 2))
    usage.add_cost(Decimal("0.1"))
    again = RunUsage.load(usage.dump())
    assert again.wire("USD") == usage.wire("USD")


def test_without_any_figure_the_total_is_empty() -> None:
    assert RunUsage().wire("USD") == {"total_info": {}, "per_step_info": []}
