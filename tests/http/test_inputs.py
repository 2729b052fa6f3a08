"""What a body, a query and a header may be, on one real route (platform.md 1.3, 1.4; abuse cases A1, A3)."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from structlog.testing import capture_logs

from support.house import ADMIN_PASSWORD, House, login
from support.statements import noted_statements

pytestmark = pytest.mark.anyio

PATH = "/api/user/config"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def admin(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)
        yield client


def wrapped(inner: bytes) -> bytes:
    return b'{"config": {"a": ' + inner + b"}}"


def nested(depth: int) -> bytes:
    """A body of so many containers, the two of the request among them."""
    return wrapped(b"[" * (depth - 2) + b"1" + b"]" * (depth - 2))


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"\xef\xbb\xbf" + wrapped(b"1"), 1),
        (wrapped(b"1")[:-2] + b', "a": 2}}', 2),
        (wrapped(b"9223372036854775807"), 2**63 - 1),
        (wrapped(b"-9223372036854775808"), -(2**63)),
        (wrapped(b"1e300"), 1e300),
        (wrapped(b'"\\ud83d\\ude00 \\u0001 \xf0\x9f\x98\x80"'), "😀 \u0001 😀"),
        (wrapped(b"null"), None),
    ],
    ids=["BOM", "last of two", "largest", "smallest", "double", "text", "null"],
)
async def test_what_is_accepted_reads_back_equal(admin: httpx2.AsyncClient, body: bytes, kept: object) -> None:
    answer = await admin.post(PATH, content=body, headers=JSON)
    assert answer.json()["data"] == {"config": {"a": kept}}
    assert (await admin.get(PATH)).json()["data"] == {"config": {"a": kept}}


@pytest.mark.parametrize(
    "inner",
    [
        b"NaN", b"Infinity", b"-Infinity", b"1e400", b"9223372036854775808", b"-9223372036854775809", b"9" * 5000,
        b"01", b"+1", b"'x'", b'"\x01"', b"[1,]", b"1}} trailing", b"{1: 2}", b"tru", b"\xff", b'"\xed\xa0\x80"',
    ],
)  # fmt: skip
async def test_what_is_no_json_is_refused_and_not_shown_again(admin: httpx2.AsyncClient, inner: bytes) -> None:
    answer = await admin.post(PATH, content=wrapped(inner), headers=JSON)
    told = answer.json()
    assert (answer.status_code, told["error_detail"], told["message"]) == (
        422, "invalid_json", "请求体不是合法的 JSON",
    )  # fmt: skip
    assert (await admin.get(PATH)).json()["data"] == {"config": {}}


@pytest.mark.parametrize(
    ("depth", "status"), [(99, 200), (100, 200), (101, 422), (1_000, 422), (10_000, 422), (100_000, 422)]
)
async def test_a_hundred_levels_are_the_most(admin: httpx2.AsyncClient, depth: int, status: int) -> None:
    answer = await admin.post(PATH, content=nested(depth), headers=JSON)
    assert (answer.status_code, answer.json().get("error_detail")) == (status, "invalid_json" if status > 200 else None)


async def test_two_hundred_thousand_values_are_the_most(admin: httpx2.AsyncClient) -> None:
    """Counted with the containers; what passes the count is refused by the route for its size."""
    for count, slug in ((200_000 - 3, "validation_error"), (200_000 - 2, "invalid_json")):
        answer = await admin.post(PATH, content=wrapped(b"[" + b",".join([b"0"] * count) + b"]"), headers=JSON)
        assert (answer.status_code, answer.json()["error_detail"]) == (422, slug)


@pytest.mark.parametrize("inner", [b'"\\ud800"', b'"\\udc00x"', b'{"\\ud800": 1}', b'"a\\u0000"', b'{"\\u0000": 1}'])
async def test_forbidden_text_is_refused_anywhere_in_a_body(admin: httpx2.AsyncClient, inner: bytes) -> None:
    answer = await admin.post(PATH, content=wrapped(inner), headers=JSON)
    assert (answer.status_code, answer.json()["error_detail"]) == (422, "invalid_text")


@pytest.mark.parametrize("path", ["/api/user/options?q=a%00b", "/api/user/list?q=%00", "/api/conversations?search=%00"])
async def test_forbidden_text_is_refused_in_a_query(admin: httpx2.AsyncClient, path: str) -> None:
    answer = await admin.get(path)
    assert (answer.status_code, answer.json()["error_detail"]) == (422, "invalid_text")


@pytest.mark.parametrize("path", ["/api/user/options?q=%ff", "/api/user/options?q=%ed%a0%80", "/api/agent/%ff"])
async def test_bytes_that_are_no_text_find_nothing(admin: httpx2.AsyncClient, path: str) -> None:
    told = (await admin.get(path)).json()
    assert (told["code"], told["data"]) in [(200, []), (404, None)]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("APPLICATION/JSON; Charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/vnd.clary+json", 200),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=\u00ff", 415),
        ("application/json\u00e9", 415),
        ("text/json", 415),
        ("application/jsonp", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        (";", 415),
    ],
)
async def test_json_says_that_it_is(house: House, kind: str, status: int) -> None:
    async with house.browser() as client:
        body = json.dumps({"username_or_email": "admin", "password": ADMIN_PASSWORD})
        headers = {b"content-type": kind.encode("latin-1")}
        answer = await client.post("/api/auth/login", content=body.encode(), headers=list(headers.items()))
    assert answer.status_code == status


@pytest.mark.parametrize("length", ["", "10", "-1", "+5", "\u00b2", "abc", "9" * 5000, "0x10", "00000000002000000"])
async def test_a_length_that_lies_changes_nothing(house: House, length: str) -> None:
    async with house.browser() as client:
        headers = [(b"content-type", b"application/json"), (b"content-length", length.encode("latin-1"))]
        answer = await client.post("/api/auth/login", content=b'"' + b"x" * (1024 * 1024) + b'"', headers=headers)
    assert (answer.status_code, answer.json()["error_detail"]) == (413, "body_too_large")


async def test_a_body_in_pieces_is_counted_while_it_is_read(house: House) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 64 * 1024
            yield b" " * (64 * 1024)
            assert sent < 4 * 1024 * 1024

    async def small() -> AsyncIterator[bytes]:
        for piece in (b'{"username_or_', b'email": "admin", "password": "', ADMIN_PASSWORD.encode(), b'"}'):
            yield piece

    async with house.browser() as client:
        small_answer = await client.post("/api/auth/login", content=small(), headers=JSON)
    assert small_answer.json()["code"] == 200
    assert await _status_of_endless(house, pieces()) == 413


async def test_a_client_that_hangs_up_while_sending_is_no_fault(house: House) -> None:
    async def piece() -> AsyncIterator[bytes]:
        yield b'{"username_or_email": '

    with capture_logs() as logged:
        assert await _status_of_endless(house, piece()) < 500
    assert [(line["event"], line["log_level"], line["status"]) for line in logged] == [("request", "info", 400)]


async def _status_of_endless(house: House, pieces: AsyncIterator[bytes]) -> int:
    """Plain ASGI, because a client would want to send everything before it listens. Hangs up after the last piece."""
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        async for piece in pieces:
            return {"type": "http.request", "body": piece, "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    headers = [(b"host", b"testserver"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http", "method": "POST", "path": "/api/auth/login", "raw_path": b"/api/auth/login", "scheme": "http",
        "query_string": b"", "root_path": "", "headers": headers, "client": ("203.0.113.7", 1),
        "server": ("testserver", 80), "http_version": "1.1",
    }  # fmt: skip
    await house.app(scope, receive, send)  # type: ignore[arg-type]
    return statuses[0]


async def test_an_address_over_16_kib_is_refused(house: House) -> None:
    async with house.browser() as client:
        within = await client.get("/api/health?q=" + "a" * 16_000)
        over = await client.get("/api/health?q=" + "a" * 16_400)
    assert (within.status_code, over.status_code, over.json()["error_detail"]) == (200, 431, "headers_too_large")


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "zh-CN"),
        ({"X-Locale": "en"}, "en-US"),
        ({"X-Locale": "zh-TW", "Accept-Language": "en"}, "zh-CN"),
        ({"X-Locale": "fr", "Accept-Language": "en"}, "en-US"),
        ({"Accept-Language": "fr, en-GB;q=0.5, zh;q=0.4"}, "en-US"),
        ({"Accept-Language": "zh;q=0.1, EN;q=0.9"}, "en-US"),
        ({"Accept-Language": "en;q=0, zh"}, "zh-CN"),
        ({"Accept-Language": "*"}, "zh-CN"),
        ({"Accept-Language": "en;q=nonsense"}, "zh-CN"),
        ({"Accept-Language": "a," * 5000 + "en"}, "zh-CN"),
        ({"X-Locale": "<script>alert(1)</script>"}, "zh-CN"),
    ],
)
async def test_the_best_known_language_is_spoken(house: House, headers: dict[str, str], language: str) -> None:
    async with house.browser() as client:
        answer = await client.get("/api/auth/session", headers=headers)
    assert answer.headers["content-language"] == language
    assert answer.json()["message"] == {"zh-CN": "未登录", "en-US": "Not signed in"}[language]


@pytest.mark.parametrize(
    "sent",
    ["short", "x" * 65, "with blank 1", "<b>markup</b>", "a\r\nSet-Cookie: b=c", "abcdefgh\n", "x" * 10_000, "é" * 9],
)
async def test_an_odd_request_id_is_replaced(house: House, sent: str) -> None:
    async with house.browser("127.0.0.1") as proxy:
        answer = await proxy.get("/api/nothing", headers=[(b"x-request-id", sent.encode())])
    given = answer.headers["x-request-id"]
    assert (len(given), set(given) <= set("0123456789abcdef")) == (32, True)
    assert answer.json()["request_id"] == given
    assert "set-cookie" not in answer.headers


async def test_problem_json_tells_the_fields_of_a_wrong_body(admin: httpx2.AsyncClient) -> None:
    headers = {"Accept": "application/problem+json", "X-Locale": "en-US"}
    answer = await admin.post(PATH, json={"config": "secret text"}, headers=headers)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["code"]) == (422, 422, "validation_error")
    assert told["errors"][0]["loc"] == ["body", "config"]
    assert "secret text" not in answer.text


@pytest.mark.parametrize("path", ["/api/runs/{}", "/api/agent/{}", "/tasks/{}", "/api/oss/object/{}.txt"])
async def test_a_zero_byte_in_a_path_names_nothing(admin: httpx2.AsyncClient, path: str) -> None:
    with noted_statements() as noted:
        unknown, answer = [(await admin.get(path.format(name))).json() for name in ("gone", "a%00b")]
    asked = [repr(parameters) for _, parameters in noted]
    assert [(each["code"], each["error_detail"]) for each in (unknown, answer)] == [(404, unknown["error_detail"])] * 2
    # PostgreSQL would refuse the question.
    assert [each for each in asked if "\\x00" in each] == []
    assert [each for each in asked if "gone" in each] != []


@pytest.mark.parametrize(
    ("language", "message"),
    [("zh-CN", "参数错误: query: 缺少必填字段"), ("en-US", "Invalid request: query: Field required")],
)
async def test_a_field_is_named_even_if_it_is_called_like_a_part_of_a_request(
    admin: httpx2.AsyncClient, language: str, message: str
) -> None:
    answer = await admin.post("/api/knowledge-base/retrieve", json={"kdb_id": "x"}, headers={"X-Locale": language})
    assert (answer.status_code, answer.json()["message"]) == (422, message)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/api/chat", {"messages": [{"role": "user", "content": "x"}]}, "缺少 agent_id"),
        (
            "/api/stream",
            {"messages": [], "llm_model_config": {"base_url": "https://a.example"}},
            "llm_model_config: base_url 和 api_key 须同时给出",
        ),
        ("/api/stream", {"messages": [], "stream_options": {"on_disconnect": "x"}}, "应为 'interrupt' 或 'continue'"),
        ("/api/stream", {"messages": [], "session_id": "-"}, "session_id: 格式不正确"),
        ("/api/user/config", {"config": {"a": "x" * 70_000}}, "config 超过 64 KiB"),
        ("/api/user/config", {"config": 7}, "config: 应为对象"),
    ],
)
async def test_a_sentence_about_wrong_input_is_in_one_language(
    admin: httpx2.AsyncClient, path: str, body: object, sentence: str
) -> None:
    told = (await admin.post(path, json=body, headers={"X-Locale": "zh-CN"})).json()
    assert told["message"].startswith("参数错误: ")
    assert told["message"].endswith(sentence)
