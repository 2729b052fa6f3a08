"""Which provider a run uses (platform.md 8.1), and what its calls cost (8.4)."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from clary.features.llm_providers.errors import NamedProviderNotFoundError, ProviderMissingError
from clary.features.llm_providers.service import Money, ProviderSnapshot
from clary.runtime.model import Usage
from features.llm_providers.stage import Stage, provider_body, staged
from features.llm_providers.test_rows import ENVIRONMENT

pytestmark = pytest.mark.anyio


async def test_a_run_takes_the_first_provider_of_the_documented_order(tmp_path: Path) -> None:
    async with staged(tmp_path, default=ENVIRONMENT) as stage:
        old, mid, new = [await stage.provider("alice") for _ in range(3)]
        await stage.provider("root", is_system=True)
        assert await stage.used_by("bob") == "system-default"
        assert await stage.used_by("alice") == new
        path = f"/api/llm-provider/update/{mid}"
        await stage.person("alice").put(path, {"is_default": True})
        assert await stage.used_by("alice") == mid
        assert await stage.used_by("alice", agent_provider_id=old) == old
        assert await stage.used_by("alice", agent_provider_id=old, requested_id=new) == new
        assert await stage.used_by("alice", agent_provider_id="gone") == mid
        assert await stage.used_by("alice", requested_id="demo") == "demo"


async def test_without_own_ones_the_newest_system_row_then_the_demo_model_is_used(stage: Stage) -> None:
    assert await stage.used_by("bob") == "demo"
    await stage.provider("root", is_system=True)
    newer = await stage.provider("root", is_system=True)
    await stage.provider("root", is_system=True, group_ids=["others"])
    assert await stage.used_by("bob") == newer


async def test_with_nothing_left_the_run_is_refused(tmp_path: Path) -> None:
    async with staged(tmp_path, demo_model=False) as stage:
        with pytest.raises(ProviderMissingError) as refusal:
            await stage.used_by("bob")
        assert refusal.value.message == ("当前用户未配置可用的模型提供商", "No usable model provider is configured")


async def test_a_foreign_provider_is_unknown_when_it_is_asked_for(stage: Stage) -> None:
    alices = await stage.provider("alice")
    groups = await stage.provider("root", is_system=True, group_ids=["g"])
    for wanted in (alices, groups, "none", "system-default"):
        with pytest.raises(NamedProviderNotFoundError) as refusal:
            await stage.used_by("bob", requested_id=wanted)
        assert (refusal.value.code, refusal.value.slug) == (404, "provider_not_found")


async def test_a_shared_agents_provider_is_its_owners_or_one_the_person_may_use(stage: Stage) -> None:
    stage.groups.members["g"] = {"alice"}
    alices, bobs = await stage.provider("alice"), await stage.provider("bob")
    groups = await stage.provider("root", is_system=True, group_ids=["g"])
    shared = {"agent_owner_id": "alice"}
    assert await stage.used_by("bob", agent_provider_id=alices, **shared) == alices
    assert await stage.used_by("bob", agent_provider_id=groups, **shared) == bobs
    assert await stage.used_by("bob", agent_provider_id=alices, agent_owner_id="carol") == bobs


async def test_a_snapshot_holds_all_a_run_needs_and_shows_no_key(stage: Stage) -> None:
    await stage.provider("alice", temperature=0.5, thinking_style="none")
    async with stage.database.read() as session:
        snapshot = await stage.providers.resolve(session, user_id="alice")
    assert snapshot == ProviderSnapshot(
        id="00000000-0000-4000-8000-000000000001",
        kind="openai",
        owner_id="alice",
        name="m-1@api.example.com",
        base_url="https://api.example.com/v1",
        api_key="sk-secret-key-0001",
        model="m-1",
        max_tokens=4096,
        max_model_len=54000,
        temperature=0.5,
        thinking_style="none",
    )
    assert "sk-secret" not in repr(snapshot)


async def test_the_demo_model_does_not_count_as_a_provider(tmp_path: Path, stage: Stage) -> None:
    async def has(where: Stage, name: str) -> bool:
        async with where.database.read() as session:
            return await where.providers.has_usable_provider(session, user_id=name)

    assert await has(stage, "alice") is False
    await stage.person("alice").post("/api/llm-provider/create", provider_body())
    await stage.provider("root", is_system=True, group_ids=["g"])
    assert (await has(stage, "alice"), await has(stage, "bob")) == (True, False)
    await stage.provider("root", is_system=True)
    assert await has(stage, "bob") is True
    (tmp_path / "env").mkdir()
    async with staged(tmp_path / "env", default=ENVIRONMENT) as other:
        assert await has(other, "bob") is True


def priced(**prices: object) -> ProviderSnapshot:
    return ProviderSnapshot("p", "openai", "a", "n", "https://e.com", "k", "m", prices=prices or None)


@pytest.mark.parametrize(
    ("prices", "usage", "cost"),
    [
        ({"input": 3, "output": 15}, Usage(1000, 100), "0.00450000"),
        ({"input": 3, "output": 15, "cached_input": 0.3}, Usage(1000, 0, cached_tokens=400), "0.00192000"),
        ({"input": 3, "output": 15}, Usage(1000, 0, cached_tokens=400), "0.00300000"),
        ({"input": 0, "output": 2, "reasoning": 4}, Usage(0, 10, reasoning_tokens=4), "0.00002800"),
        ({"input": 0, "output": 0, "request": 0.01}, Usage(5, 5), "0.01000000"),
        ({"input": 0.005, "output": 0}, Usage(1, 0), "0.00000001"),
        ({"input": 0.004999, "output": 0}, Usage(1, 0), "0.00000000"),
        ({"currency": "EUR", "per": 1000, "input": 1, "output": 0}, Usage(1000, 0), "1.10000000"),
    ],
)
def test_cost_is_a_decimal_rounded_half_up_to_eight_places(prices: dict[str, object], usage: Usage, cost: str) -> None:
    money = Money("USD", {"EUR": Decimal("1.1")})
    whole = {"currency": "USD", "per": 1_000_000, **prices}
    assert money.cost(priced(**whole), usage) == Decimal(cost)


def test_an_unpriced_model_has_no_cost_and_the_demo_model_none_to_pay() -> None:
    money = Money("USD")
    demo = ProviderSnapshot("demo", "demo", "", "n", "", "", "m")
    assert money.cost(priced(), Usage(1, 1)) is None
    assert money.cost(priced(currency="EUR", per=1, input=1, output=1), Usage(1, 1)) is None
    assert money.cost(demo, Usage(1, 1)) == 0


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("gpt-5", 1),
        ("gpt-5-mini", 2),
        ("gpt-4", 3),
        ("my-gpt-5-large", 4),
        ("GPT-5", None),
        ("gpt", None),
        ("5-g", None),
    ],
)
def test_the_price_list_knows_a_name_before_the_longest_pattern(model: str, cost: int | None) -> None:
    def per_request(amount: int) -> dict[str, object]:
        return {"currency": "USD", "per": 1, "input": 0, "output": 0, "request": amount}

    patterns = ("gpt-5", "gpt-5-*", "gpt-*", "*gpt-*-*e")
    money = Money("USD", {}, {pattern: per_request(number) for number, pattern in enumerate(patterns, start=1)})
    found = money.cost(ProviderSnapshot("p", "openai", "o", "n", "u", "k", model), Usage(1, 1))
    assert found == (None if cost is None else Decimal(cost))


def test_prices_of_the_row_win_over_the_list() -> None:
    own, listed = ({"currency": "EUR", "per": 1, "input": price, "output": 0} for price in (2, 3))
    money = Money("USD", {"EUR": Decimal("1.1")}, {"*": listed})
    row = ProviderSnapshot("p", "openai", "o", "n", "u", "k", "m", prices=own)
    assert money.cost(row, Usage(10, 5)) == Decimal("22.00000000")
    assert money.cost(replace(row, prices=None), Usage(10, 5)) == Decimal("33.00000000")
    assert money.cost(replace(row, kind="demo"), Usage(10, 5)) == Decimal(0)
