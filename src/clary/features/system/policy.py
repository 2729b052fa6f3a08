"""The settings that change while the server runs, and which value of each is in force (platform.md 9.3)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveValues:
    """All of them, as they are at one moment. `api_key_max_days` 0: keys without an end are allowed."""

    allow_registration: bool
    registration_domains: tuple[str, ...]
    instance_name: str
    announcement: str
    user_directory: Literal["all", "groups", "self"]
    share_mode: Literal["explicit", "link"]
    outbound_allow: tuple[str, ...]
    api_key_max_days: int
    max_active_runs_per_user: int
    demo_model: bool
    skill_approval: Literal["scan", "owner", "admin"]


KEYS = tuple(field.name for field in fields(LiveValues))


def in_force(start: LiveValues, stored: Mapping[str, Any], locked: Set[str]) -> LiveValues:
    """What counts: a variable that is set, then what an admin chose, then the default.

    Rows of a key that this version does not know are passed over.
    """
    chosen = {key: value for key, value in stored.items() if key in KEYS and key not in locked}
    return replace(start, **{key: _as_value(value) for key, value in chosen.items()})


def on_wire(values: LiveValues) -> Json:
    """Key → value as clients and the audit log see it."""
    return {key: _as_json(getattr(values, key)) for key in KEYS}


def _as_value(json: Any) -> Any:
    return tuple(cast("list[str]", json)) if isinstance(json, list) else json


def _as_json(value: Any) -> Any:
    return list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value
