"""Prices and rates of the settings reach the ledger (platform.md 8.4, 13, 14.1)."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from clary.adapters.scripted_provider import Say, ScriptedProvider, Tokens
from clary.features.usage.tables import UsageRow
from support.calls import provider_body
from support.house import ADMIN_PASSWORD, House, house_in, login

pytestmark = pytest.mark.anyio

HELLO = {"messages": [{"role": "user", "content": "hello"}], "session_id": "s1"}


async def costs(house: House) -> list[tuple[str, str, str | None, str]]:
    async with house.services.database.read() as db:
        rows = await db.scalars(select(UsageRow).order_by(UsageRow.id))
        return [(row.step_name, row.provider_id, row.cost, row.currency) for row in rows]


async def test_a_run_and_a_verification_cost_what_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"m*": {"currency": "EUR", "input": 1, "output": 2}}')
    async with ScriptedProvider(default=Say("Hi.", usage=Tokens(1000, 100))) as provider:
        values = {
            "currency": "EUR",
            "currency_rates": '{"CNY": 0.125}',
            "prices_file": tmp_path / "prices.json",
            "default_llm_api_key": "sk-environment",
            "default_llm_api_base_url": provider.url,
            "default_llm_model_name": "m-default",
            "default_llm_prices": '{"currency": "CNY", "per": 1000, "input": 1, "output": 10}',
            "outbound_allow": ("127.0.0.1",),
        }
        async with house_in(tmp_path, **values) as house, house.browser() as client:
            await login(client, "admin", ADMIN_PASSWORD)
            answer = await client.post("/api/stream", json=HELLO)
            await client.post("/api/llm-provider/verify", json=provider_body(provider.url))
            booked = await costs(house)
    end = [json.loads(line) for line in answer.text.splitlines() if "token_usage" in line][-1]
    total = end["metadata"]["token_usage"]["total_info"]
    assert (total["cost"], total["currency"]) == (0.25, "EUR")
    assert booked == [
        ("direct_execution", "system-default", "0.25000000", "EUR"),
        ("provider_verify", "", "0.00120000", "EUR"),
    ]
