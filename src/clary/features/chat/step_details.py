"""What a recorded step tells the timeline: figures and kinds, never arguments, results or texts (platform.md 12.4)."""

from decimal import Decimal
from typing import Any, cast

from clary.features.usage.service import EndedCall, LedgerEntry
from clary.runtime.events import ToolStepDone

COUNTED = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


def figures_of(before: dict[str, Any], provider_id: str, ended: EndedCall, entry: LedgerEntry) -> dict[str, Any]:
    """The figures of a step's calls so far, with those of one more; the first word is that of the latest attempt."""
    cost = [Decimal(each) for each in (before.get("cost"), entry.cost) if each is not None]
    return {
        "provider_id": provider_id,
        "model": entry.model,
        **{name: before.get(name, 0) + getattr(entry, name) for name in COUNTED},
        "cost": str(sum(cost)) if cost else None,
        "first_token_ms": ended.first_ms,
    }


def tool_detail(event: ToolStepDone) -> dict[str, Any]:
    """Of a call that is over; `error_type` of one that failed."""
    detail: dict[str, Any] = {"tool": event.call.name, "result_bytes": len(event.model_text.encode())}
    if event.is_error and isinstance(event.content, dict) and "error_type" in event.content:
        detail["error_type"] = str(event.content["error_type"])[:64]
    passages = _passages(event.content)
    if passages:
        detail["passages"] = passages
    return detail


def _passages(content: Any) -> list[str]:
    """Ids of the passages in a result of a search in knowledge bases."""
    found = cast("dict[str, Any]", content).get("search_results") if isinstance(content, dict) else None
    items = cast("list[Any]", found) if isinstance(found, list) else []
    ids = [cast("dict[str, Any]", item).get("doc_segment_id") for item in items if isinstance(item, dict)]
    return [each for each in ids if isinstance(each, str)]
