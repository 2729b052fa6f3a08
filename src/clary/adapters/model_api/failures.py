"""What a failed attempt means: a kind, whether to try again, and nothing the provider said.

The provider's words are read here to tell kinds apart, and end here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import aiohttp
import orjson

from clary.kit.safe_http import OutboundBlockedError
from clary.runtime.model import FailureKind, Usage

MAX_ERROR_WORDS: Final = 4000
RETRIED_STATUS: Final = frozenset({408, 425, 429})

_CONTEXT = re.compile(
    r"context[_ -]?(length|window|limit|size)|maximum (context|prompt|input)"
    r"|(prompt|input|request) (is|was) too (long|large)|too many (input )?tokens|reduce the length"
    r"|exceeds? the (available|model|maximum).{0,40}(context|token)"
    r"|input length.{0,60}exceed|range of input length|上下文|(输入|提示|内容).{0,12}(过长|超长|超出|超过)"
)
_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|fund|credit)|exceeded your current quota|billing|credit balance|out of credits"
    r"|payment required|arrear|余额不足|欠费|额度(不足|已用)"
)
_FILTER = re.compile(
    r"content[_ ]?(filter|policy)|content management policy|responsible ?ai|data_inspection_failed|moderation"
    r"|sensitive[_ ]words?|敏感|违规"
)
_AUTH = re.compile(
    r"(invalid|incorrect|wrong|missing|no)[_ ](x-)?api[_ -]?key|api key not valid|authentication|unauthorized"
)
_MODEL = re.compile(
    r"model[_ ]not[_ ](found|exist)|(unknown|no such) model"
    r"|model.{0,100}(does not|doesn't|not) (exist|found)|模型不存在"
)
_RATE = re.compile(r"rate[_ ]?limit|too many requests|throttl|resource_exhausted|频繁|限流")
_TIMEOUT = re.compile(r"timed? ?out")
_CALLER = re.compile(r"invalid_request|invalid_argument|bad_request|invalid parameter|unprocessable")


class AttemptBrokenError(Exception):
    """One attempt failed. `retry` says whether the same request may be sent again."""

    def __init__(
        self,
        kind: FailureKind,
        *,
        retry: bool,
        retry_after: float | None = None,
        refused: tuple[str, str | None] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind
        self.retry = retry
        self.retry_after = retry_after
        """Seconds the provider asked to wait."""
        self.refused = refused
        """An optional parameter the provider does not take, and the name it wants instead."""


def broken_by_status(status: int, body: bytes, sent: Mapping[str, Any]) -> AttemptBrokenError:
    """What an HTTP status other than success means, with the error body's help."""
    error = _error_of(body)
    kind = _kind_of(status, error.words)
    retry = kind not in ("provider_quota", "content_filter") and (status in RETRIED_STATUS or status >= 500)
    refused = _refused_parameter(error, sent) if status == 400 and kind == "provider_error" else None
    return AttemptBrokenError(kind, retry=retry, refused=refused)


def broken_by_event(value: Any) -> AttemptBrokenError:
    """What an error object inside a successful answer means. Unknown ones count as a passing trouble."""
    error = _read_error(value)
    if error.status is not None:
        kind = _kind_of(error.status, error.words)
        retry = error.status in RETRIED_STATUS or error.status >= 500
    else:
        kind = _kind_by_words(error.words)
        retry = kind in ("provider_rate_limit", "provider_timeout") or (
            kind == "provider_error" and _CALLER.search(error.words) is None
        )
    return AttemptBrokenError(kind, retry=retry and kind not in ("provider_quota", "content_filter"))


def broken_by_network(error: Exception) -> AttemptBrokenError:
    """What a connection error means; the error itself names the address, so it is not kept."""
    if isinstance(error, OutboundBlockedError | aiohttp.InvalidURL | aiohttp.ClientConnectorCertificateError):
        return AttemptBrokenError("provider_unreachable", retry=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return AttemptBrokenError("provider_unreachable", retry=True)
    if isinstance(error, TimeoutError):
        return AttemptBrokenError("provider_timeout", retry=True)
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        # Not HTTP at all, or a body that ends before its end.
        return AttemptBrokenError("provider_bad_response", retry=True)
    return AttemptBrokenError("provider_unreachable", retry=True)


def usage_of(value: Any) -> Usage | None:
    """Tokens of a `usage` object; None when it counts nothing."""
    if not isinstance(value, dict):
        return None
    usage = cast("dict[str, Any]", value)
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None and completion is None:
        return None
    cached = _count(_inner(usage, "prompt_tokens_details", "cached_tokens"))
    return Usage(
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        cached_tokens=_count(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        reasoning_tokens=_count(_inner(usage, "completion_tokens_details", "reasoning_tokens")),
    )


def sum_usage(first: Usage | None, second: Usage | None) -> Usage | None:
    """Tokens of two attempts together; unknown parts stay unknown."""
    if first is None or second is None:
        return first or second
    return Usage(
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
        _sum(first.cached_tokens, second.cached_tokens),
        _sum(first.reasoning_tokens, second.reasoning_tokens),
    )


class _ProviderError:
    """An error object read down to what tells kinds apart."""

    __slots__ = ("parameter", "status", "words")

    def __init__(self, words: str, parameter: str = "", status: int | None = None) -> None:
        self.words = words.lower()[:MAX_ERROR_WORDS]
        self.parameter = parameter
        self.status = status


def _error_of(body: bytes) -> _ProviderError:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _ProviderError(body[:MAX_ERROR_WORDS].decode("utf-8", "replace"))
    return _read_error(value)


def _read_error(value: Any) -> _ProviderError:
    """Reads `{"error": {...}}`, `{"error": "text"}`, `{"message": …}` and lists of them."""
    if isinstance(value, list) and value:
        value = cast("list[Any]", value)[0]
    if isinstance(value, dict):
        outer = cast("dict[str, Any]", value)
        value = outer.get("error") or outer.get("detail") or outer
    if not isinstance(value, dict):
        # Also a list: some servers tell what they refuse as a list of objects.
        return _ProviderError(str(cast("object", value)))
    error = cast("dict[str, Any]", value)
    said = [error.get(key) for key in ("code", "type", "status", "message", "msg")]
    words = " ".join(str(each)[:MAX_ERROR_WORDS] for each in said if isinstance(each, str | int))
    parameter = error.get("param")
    statuses = [_http_status(error.get(key)) for key in ("code", "status", "http_code")]
    return _ProviderError(
        words,
        parameter if isinstance(parameter, str) else "",
        next((status for status in statuses if status is not None), None),
    )


def _http_status(value: Any) -> int | None:
    number = int(value) if isinstance(value, str) and re.fullmatch("[45][0-9]{2}", value) else value
    return number if type(number) is int and 400 <= number <= 599 else None


_KIND_BY_STATUS: Final[dict[int, FailureKind]] = {
    401: "provider_auth",
    403: "provider_auth",
    404: "model_not_found",
    408: "provider_timeout",
    413: "context_overflow",
    429: "provider_rate_limit",
    504: "provider_timeout",
    524: "provider_timeout",
}


def _kind_of(status: int, words: str) -> FailureKind:
    if status == 402 or (status in (403, 429) and _QUOTA.search(words)) or "insufficient_quota" in words:
        return "provider_quota"
    if status == 403 and _FILTER.search(words):
        return "content_filter"
    known = _KIND_BY_STATUS.get(status)
    if known is not None:
        return known
    return "provider_error" if status >= 500 else _kind_by_words(words)


def _kind_by_words(words: str) -> FailureKind:
    kinds: tuple[tuple[re.Pattern[str], FailureKind], ...] = (
        (_CONTEXT, "context_overflow"),
        (_QUOTA, "provider_quota"),
        (_FILTER, "content_filter"),
        (_RATE, "provider_rate_limit"),
        (_AUTH, "provider_auth"),
        (_MODEL, "model_not_found"),
        (_TIMEOUT, "provider_timeout"),
    )
    found: list[FailureKind] = [kind for pattern, kind in kinds if pattern.search(words)]
    return found[0] if found else "provider_error"


def _refused_parameter(error: _ProviderError, sent: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """The optional parameter that a 400 names, if it was sent, and its successor if the provider names one."""
    named = error.parameter.partition(".")[0]
    for parameter in OPTIONAL_PARAMETERS:
        if parameter not in sent:
            continue
        if named == parameter or re.search(rf"(?<![a-z_]){parameter}(?![a-z_])", error.words):
            renamed = parameter == "max_tokens" and "max_completion_tokens" in error.words
            return parameter, "max_completion_tokens" if renamed else None
    return None


OPTIONAL_PARAMETERS: Final = (
    "stream_options",
    "reasoning_effort",
    "enable_thinking",
    "thinking",
    "response_format",
    "temperature",
    "top_p",
    "presence_penalty",
    "max_completion_tokens",
    "max_tokens",
)
"""Parameters a request works without."""


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _inner(usage: dict[str, Any], key: str, name: str) -> Any:
    details = usage.get(key)
    return cast("dict[str, Any]", details).get(name) if isinstance(details, dict) else None


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)
