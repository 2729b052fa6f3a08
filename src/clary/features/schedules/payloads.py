"""Bodies and answers of tasks (platform.md 15.1, 15.2)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, field_validator

from clary.features.chat.service import OVERRIDES, StreamRequest
from clary.features.schedules.tables import TaskRow, TaskRunRow
from clary.http.payload import Payload, require_size
from clary.http.problems import ValidationFailedError
from clary.http.reasons import reason_of
from clary.http.span import Instant
from clary.kit.clock import wire_time
from clary.kit.text import Text, TextError, has_control_characters

NEVER_SAVED: Final = frozenset(("llm_model_config", "extra_mcp_config"))
"""They may hold secrets of one request."""
OPTIONS: Final = OVERRIDES - NEVER_SAVED
MAX_OPTIONS_BYTES: Final = 128 * 1024


def _name(text: str) -> str:
    if has_control_characters(text):
        raise TextError("不能包含控制字符", "must not contain control characters")
    if not text.strip():
        raise TextError("不能为空", "must not be blank")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_name)]
Description = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
ScheduleText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$")]
Retries = Annotated[int, Field(ge=0, le=5)]
Json = dict[str, Any]
Body = TypeVar("Body", bound=Payload)


def _checked_options(value: Json) -> Json:
    foreign = sorted(set(value) - OPTIONS)
    if foreign:
        raise TextError(f"不是运行选项: {foreign[0][:64]}", f"not an option of a run: {foreign[0][:64]}")
    try:
        StreamRequest.model_validate({"messages": [], **value})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:128]
        raise TextError(f"{place} 无效", f"{place} is not valid") from None
    return require_size(
        value, MAX_OPTIONS_BYTES, Text("run_options 超过 128 KiB", "run_options is larger than 128 KiB")
    )


class TaskFields(Payload):
    """Fields that a change may leave out."""

    agent_id: str | None = None
    schedule: ScheduleText | None = None
    is_recurring: bool | None = None
    timezone: ZoneName | None = None
    enabled: bool | None = None
    session_mode: Literal["new", "same"] | None = None
    session_id: SessionId | None = None
    max_retries: Retries | None = None
    missed: Literal["run_once", "skip"] | None = None
    overlap: Literal["skip", "queue"] | None = None
    run_options: Json | None = None

    @field_validator("run_options")
    @classmethod
    def _options_known(cls, value: Json | None) -> Json | None:
        return None if value is None else _checked_options(value)

    @field_validator("description", check_fields=False)
    @classmethod
    def _says_something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise TextError("description 不能为空", "description must not be blank")
        return value


class TaskChange(TaskFields):
    """Body of PUT: absent = unchanged."""

    name: Name | None = None
    description: Description | None = None


class TaskRequest(TaskFields):
    """Body of POST."""

    name: Name
    description: Description
    agent_id: str  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    schedule: ScheduleText  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]


class EnableRequest(Payload):
    """Body of `/enable`."""

    enabled: bool = True


class ListQuery(Payload):
    """Filters of the list, as tools give them too."""

    task_type: Literal["once", "recurring", "all"] = "all"
    status: str | None = None
    agent_id: str | None = None
    scheduled_after: Instant | None = None
    scheduled_before: Instant | None = None
    q: str | None = Field(default=None, max_length=200)


class TaskResponse(BaseModel):
    """A task as clients see it."""

    task_id: str
    task_type: Literal["once", "recurring"]
    user_id: str
    name: str
    description: str
    agent_id: str
    schedule: str
    is_recurring: bool
    timezone: str
    enabled: bool
    session_mode: str
    session_id: str | None
    max_retries: int
    missed: str
    overlap: str
    run_options: Json
    status: str
    next_run_at: str | None
    last_run_at: str | None
    last_status: str | None
    run_count: int
    failure_count: int
    created_by: str
    created_at: str
    updated_at: str


class TaskPage(BaseModel):
    """Some tasks."""

    items: list[TaskResponse]
    total: int


class TaskRunResponse(BaseModel):
    """A start, or one that did not happen. `error`: a fixed word."""

    task_run_id: str
    task_id: str
    scheduled_for: str
    trigger: str
    attempt: int
    status: str
    run_id: str | None
    session_id: str | None
    error: str | None
    started_at: str | None
    ended_at: str | None


class HistoryPage(BaseModel):
    """Some starts, the newest first."""

    items: list[TaskRunResponse]
    total: int


class Preview(BaseModel):
    """The next times of a schedule."""

    next: list[str]


class StartedAnswer(BaseModel):
    """What a start by hand made."""

    task_run_id: str
    run_id: str
    session_id: str


def read_as(kind: type[Body], wanted: Mapping[str, Any]) -> Body:
    """What an agent wants, or a query asks for, checked as the body of a request is.

    Raises:
        ValidationFailedError
    """
    try:
        return kind.model_validate(wanted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise ValidationFailedError(f"{place}: {reason_of(first).render()}") from None


def task_of(row: TaskRow) -> TaskResponse:
    """A task's row as clients see it."""
    return TaskResponse(
        task_id=row.task_id,
        task_type="recurring" if row.is_recurring else "once",
        user_id=row.user_id,
        name=row.name,
        description=row.description,
        agent_id=row.agent_id,
        schedule=row.schedule,
        is_recurring=row.is_recurring,
        timezone=row.timezone,
        enabled=row.enabled,
        session_mode=row.session_mode,
        session_id=row.session_id,
        max_retries=row.max_retries,
        missed=row.missed,
        overlap=row.overlap,
        run_options=dict(row.run_options),
        status=row.status,
        next_run_at=wire_time(row.next_run_at),
        last_run_at=wire_time(row.last_run_at),
        last_status=row.last_status,
        run_count=row.run_count,
        failure_count=row.failure_count,
        created_by=row.created_by,
        created_at=_sure(row.created_at),
        updated_at=_sure(row.updated_at),
    )


def task_run_of(row: TaskRunRow) -> TaskRunResponse:
    """A start's row as clients see it."""
    return TaskRunResponse(
        task_run_id=row.task_run_id,
        task_id=row.task_id,
        scheduled_for=_sure(row.scheduled_for),
        trigger=row.trigger,
        attempt=row.attempt,
        status=row.status,
        run_id=row.run_id,
        session_id=row.session_id,
        error=row.error,
        started_at=wire_time(row.started_at),
        ended_at=wire_time(row.ended_at),
    )


def _sure(moment: datetime) -> str:
    return wire_time(moment) or ""
