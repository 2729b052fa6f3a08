"""Trying providers (platform.md 8.3)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from clary.features.llm_providers.ports import ConnectionProbe, ImageProbe, StructuredProbe
from clary.features.usage.tables import UsageRow
from clary.runtime.model import Usage
from features.llm_providers.stage import ENGLISH, Stage, provider_body

pytestmark = pytest.mark.anyio

PREFIX = "/api/llm-provider"


async def test_a_good_provider_is_verified_and_not_stored(stage: Stage) -> None:
    alice = stage.person("alice")
    answer = await alice.post(f"{PREFIX}/verify", provider_body(thinking_style="none"))
    assert (answer.data, answer.body["message"]) == ({"model": "m-1", "latency_ms": 12}, "验证成功")
    asked = stage.probe.asked[0]
    assert (asked.base_url, asked.api_key, asked.model, asked.thinking_style) == (
        "https://api.example.com/v1",
        "sk-secret-key-0001",
        "m-1",
        "none",
    )
    assert (await alice.get(f"{PREFIX}/list")).data == []


async def test_a_failed_verification_has_the_kind_as_slug_and_a_sentence(stage: Stage) -> None:
    stage.probe.connection = ConnectionProbe("", 5, failure="provider_auth")
    for path in ("verify", "verify-capabilities"):
        answer = await stage.person("alice").post(f"{PREFIX}/{path}", provider_body(), headers=ENGLISH)
        assert answer.refusal == (
            200,
            500,
            "provider_auth",
            "Verification failed: The model service refused the credentials; check the provider's API key",
        )
    problem = {"Accept": "application/problem+json"}
    assert (await stage.person("alice").post(f"{PREFIX}/verify", provider_body(), headers=problem)).status == 502


async def test_image_input_answers_code_200_whatever_the_model_does(stage: Stage) -> None:
    alice = stage.person("alice")

    async def seen(probe: ImageProbe) -> tuple[dict[str, object], str]:
        stage.probe.image = probe
        answer = await alice.post(f"{PREFIX}/verify-multimodal", provider_body(), headers=ENGLISH)
        return answer.data, answer.body["message"]

    assert await seen(ImageProbe(True, "Red.")) == (
        {"supports_multimodal": True, "recognized": True, "response": "Red."},
        "Image input works, the picture was recognised",
    )
    assert await seen(ImageProbe(False, "A cat.")) == (
        {"supports_multimodal": True, "recognized": False, "response": "A cat."},
        "Image input is accepted, the picture was not recognised",
    )
    assert await seen(ImageProbe(False, "", failure="provider_timeout")) == (
        {
            "supports_multimodal": False,
            "recognized": False,
            "error": "The model service did not answer in time; try again later",
            "error_kind": "provider_timeout",
        },
        "This model does not support image input",
    )


async def test_capabilities_tell_what_the_model_can(stage: Stage) -> None:
    alice = stage.person("alice")
    able = await alice.post(f"{PREFIX}/verify-capabilities", provider_body())
    assert (able.body["message"], able.data) == (
        "能力验证成功",
        {
            "connection": {"supported": True, "response": "Hello."},
            "supports_multimodal": True,
            "supports_structured_output": True,
            "multimodal": {"supported": True, "recognized": True, "response": "It is red."},
            "structured_output": {"supported": True, "response": '{"days": 7}', "parsed": {"days": 7}},
            "model": "m-1",
            "base_url": "https://api.example.com/v1",
        },
    )
    stage.probe.image = ImageProbe(False, "A cat.")
    stage.probe.structured = StructuredProbe("", None, failure="provider_error")
    unable = (await alice.post(f"{PREFIX}/verify-capabilities", provider_body())).data
    assert (unable["supports_multimodal"], unable["supports_structured_output"]) == (False, False)
    assert unable["multimodal"] == {"supported": True, "recognized": False, "response": "A cat."}
    assert unable["structured_output"] == {"supported": False, "response": "", "error": "模型服务出错，请稍后重试"}


async def test_a_mask_stands_for_an_own_key_at_its_origin_only(stage: Stage) -> None:
    alice, mask = stage.person("alice"), ["sk-s***0001"]
    older = await stage.provider("alice", api_keys=["sk-s-older-key-0001"])
    await stage.provider("alice")
    await stage.provider("bob", api_keys=["sk-b-bobs-key-0009"])

    async def sent(**fields: object) -> str:
        answer = await alice.post(f"{PREFIX}/verify", provider_body(**{"api_keys": mask, **fields}))
        return stage.probe.asked[-1].api_key if answer.body["code"] == 200 else f"{answer.status} {answer.slug}"

    assert await sent() == "sk-secret-key-0001"
    assert await sent(provider_id=older, base_url="https://api.example.com/other") == "sk-s-older-key-0001"
    assert await sent(base_url="https://evil.example.com/v1") == "422 validation_error"
    assert await sent(api_keys=["sk-b***0009"]) == "422 validation_error"
    assert await sent(provider_id="unknown") == "422 validation_error"
    assert [asked.base_url for asked in stage.probe.asked] == [
        "https://api.example.com/v1",
        "https://api.example.com/other",
    ]


async def test_a_stored_row_is_tried_with_the_changes_laid_over_it(stage: Stage) -> None:
    key, alice = await stage.provider("alice"), stage.person("alice")
    path = f"{PREFIX}/verify-capabilities/{key}"
    assert (await alice.post(path, {"model": "m-2", "api_keys": ["sk-s***0001"]})).data["model"] == "m-2"
    assert stage.probe.asked[0].api_key == "sk-secret-key-0001"
    stage.probe.asked.clear()
    moved = await alice.post(path, {"base_url": "https://evil.example.com/v1"})
    assert moved.slug == "provider_key_required"
    assert stage.probe.asked == []
    assert (await alice.get(f"{PREFIX}/list")).data[0]["model"] == "m-1"
    assert (await stage.person("root").post(path, {})).data["model"] == "m-1"


async def test_a_private_address_is_never_called(stage: Stage) -> None:
    for path in ("verify", "verify-multimodal", "verify-capabilities"):
        answer = await stage.person("alice").post(f"{PREFIX}/{path}", provider_body(base_url="http://127.0.0.1:9"))
        assert answer.refusal[:3] == (200, 400, "outbound_blocked")
    assert stage.probe.asked == []


async def test_the_twenty_first_verification_of_a_minute_has_to_wait(stage: Stage) -> None:
    alice, stage.clock.step = stage.person("alice"), timedelta(0)
    for number in range(20):
        stage.clock.moment += timedelta(seconds=1)
        path = ("verify", "verify-multimodal", "verify-capabilities")[number % 3]
        assert (await alice.post(f"{PREFIX}/{path}", provider_body())).body["code"] == 200
    over = await alice.post(f"{PREFIX}/verify", provider_body())
    assert over.refusal == (200, 429, "throttled", "操作过于频繁，请 41 秒后重试")
    assert over.headers["Retry-After"] == "41"
    assert (await stage.person("bob").post(f"{PREFIX}/verify", provider_body())).body["code"] == 200
    stage.clock.moment += timedelta(seconds=60)
    assert (await alice.post(f"{PREFIX}/verify", provider_body())).body["code"] == 200


PRICES = {"currency": "EUR", "per": 1, "input": 2, "output": 3, "request": 1}


async def booked(stage: Stage, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of the ledger, oldest first."""
    async with stage.database.read() as db:
        rows = await db.scalars(select(UsageRow).order_by(UsageRow.id))
        return [tuple(getattr(row, name) for name in columns) for row in rows]


async def test_every_call_of_a_verification_is_booked_on_who_tried(stage: Stage) -> None:
    stage.probe.connection = ConnectionProbe("Hello.", 12)
    stage.probe.usages["connection"] = Usage(10, 5, 4, 1)
    stage.probe.structured = StructuredProbe("", None, failure="provider_timeout")
    await stage.person("alice").post(f"{PREFIX}/verify-capabilities", provider_body(prices=PRICES))
    assert (
        await booked(stage, "user_id", "request_source", "step_name", "provider_id", "model", "run_id")
        == [("alice", "other", "provider_verify", "", "m-1", None)] * 3
    )
    tokens = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    assert await booked(stage, *tokens, "cost", "currency", "outcome", "note") == [
        (10, 5, 4, 1, "39.60000000", "USD", "ok", None),
        (7, 3, 0, 0, "26.40000000", "USD", "ok", "estimated"),
        (0, 0, 0, 0, "0.00000000", "USD", "error", "provider_timeout"),
    ]
    # The clock moves a second whenever one of the three looks at it, and they go side by side.
    lasted = await booked(stage, "duration_ms", "attempt")
    assert [(duration >= 1000, attempt) for duration, attempt in lasted] == [(True, 1)] * 3


async def test_a_failed_verification_is_booked_with_what_the_provider_reported(stage: Stage) -> None:
    stage.probe.connection = ConnectionProbe("", 5, failure="content_filter")
    stage.probe.usages["connection"] = Usage(7, 0)
    await stage.person("alice").post(f"{PREFIX}/verify", provider_body(prices=PRICES))
    assert await booked(stage, "input_tokens", "cost", "outcome", "note") == [
        (7, "16.50000000", "error", "content_filter")
    ]


async def test_a_verification_of_a_stored_row_is_booked_on_that_row(stage: Stage) -> None:
    key = await stage.provider("alice", prices=PRICES)
    alice = stage.person("alice")
    await alice.post(f"{PREFIX}/verify", provider_body(api_keys=["sk-s***0001"]))
    await alice.post(f"{PREFIX}/verify-capabilities/{key}", {})
    costs = [cost is None for _, cost in await booked(stage, "provider_id", "cost")]
    assert await booked(stage, "provider_id") == [(key,)] * 4
    assert costs == [True, False, False, False]


async def test_a_call_that_was_refused_before_it_was_made_is_not_booked(stage: Stage) -> None:
    await stage.person("alice").post(f"{PREFIX}/verify", provider_body(base_url="http://127.0.0.1:9"))
    assert await booked(stage, "id") == []
