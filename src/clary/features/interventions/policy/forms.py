"""Questionnaires: what a model may ask, what a person may answer, and what the model reads of it (9.12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from clary.kit import json_text
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError

Json = dict[str, Any]
Language = Literal["zh", "en", "pt"]
Answer = str | list[str]
FormKind = Literal["general", "plan_information", "plan_confirmation"]

KINDS: tuple[FormKind, ...] = ("general", "plan_information", "plan_confirmation")
CHOICES = ("single_choice", "multiple_choice")
TYPES = (*CHOICES, "text")
DEFAULT_WAIT_SECONDS = 300
MAX_WAIT_SECONDS = 86_400
GRACE_SECONDS = 10.0
"""Existing clients submit by themselves at `wait_time`; the server gives up a little later."""
MAX_QUESTIONS = 50
MAX_OPTIONS = 100
DEFAULT_MAX_LENGTH = 1000
MAX_LENGTH = 100_000
REQUIRED = ["title", "questions"]

_NOT_AN_OPTION = Text("不是可选项", "not one of the options")
_ONE_ONLY = Text("只能选择一项", "only one answer is possible")
_TOO_LONG = Text("最多 {n} 个字符", "at most {n} characters")
_SUBMITTED = {
    "zh": "用户已提交问卷。",
    "en": "The user submitted the questionnaire.",
    "pt": "O usuário enviou o questionário.",
}
_TIMEOUT = {
    "zh": "用户没有在规定时间内回答，已采用默认答案。",
    "en": "The user did not answer in time; the defaults were taken.",
    "pt": "O usuário não respondeu a tempo; foram usados os valores padrão.",
}


class AnswerRefusedError(ValueError):
    """An answer that the question does not allow."""

    def __init__(self, question_id: str, reason: Text) -> None:
        super().__init__(reason.en)
        self.question_id = question_id
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire as it is stored: every question complete, every default one of its options."""

    title: str
    questions: tuple[Json, ...]
    kind: FormKind
    wait_seconds: int

    def deadline(self, opened_at: float) -> float | None:
        """When the server stops waiting, epoch seconds; None: never."""
        return opened_at + self.wait_seconds + GRACE_SECONDS if self.wait_seconds else None


def questionnaire_id_of(session_id: str, tool_call_id: str) -> str:
    """The id existing clients read; scoped to its owner, as the session id in it is."""
    return f"{session_id}__questionnaire__{tool_call_id}"


def form_of(arguments: Mapping[str, Any]) -> Form:
    """The stored form of the arguments of `questionnaire` and `questionnaire_async`.

    Raises:
        ToolFailedError: INVALID_ARGUMENTS, with a text the model can act on.
    """
    title = _text(arguments.get("title"), "title", arguments)
    raw = arguments.get("questions")
    if not isinstance(raw, list) or not raw:
        raise _invalid("questions: at least one question is needed", arguments)
    listed = cast("list[Any]", raw)
    if len(listed) > MAX_QUESTIONS:
        raise _invalid(f"questions: at most {MAX_QUESTIONS}", arguments)
    questions = tuple(_question(each, f"questions[{at}]", arguments) for at, each in enumerate(listed))
    ids = [question["id"] for question in questions]
    if len(set(ids)) < len(ids):
        raise _invalid("questions: every id may occur once", arguments)
    kind = arguments.get("questionnaire_kind") or "general"
    if kind not in KINDS:
        raise _invalid(f"questionnaire_kind: one of {', '.join(KINDS)}", arguments)
    wait = _whole(arguments.get("wait_time"), DEFAULT_WAIT_SECONDS)
    if wait is None or not 0 <= wait <= MAX_WAIT_SECONDS:
        raise _invalid(f"wait_time: 0 to {MAX_WAIT_SECONDS} seconds", arguments)
    return Form(title, questions, kind, wait)


def _question(raw: Any, place: str, arguments: Mapping[str, Any]) -> Json:
    if not isinstance(raw, dict):
        raise _invalid(f"{place}: an object is needed", arguments)
    given = cast("Json", raw)
    kind = given.get("type")
    if kind not in TYPES:
        raise _invalid(f"{place}.type: one of {', '.join(TYPES)}", arguments)
    question: Json = {
        "id": _text(given.get("id"), f"{place}.id", arguments),
        "type": kind,
        "title": _text(given.get("title"), f"{place}.title", arguments),
    }
    if given.get("placeholder"):
        question["placeholder"] = str(given["placeholder"])
    if kind == "text":
        length = _whole(given.get("max_length"), DEFAULT_MAX_LENGTH)
        if length is None or not 1 <= length <= MAX_LENGTH:
            raise _invalid(f"{place}.max_length: 1 to {MAX_LENGTH}", arguments)
        question["max_length"] = length
    else:
        question["options"] = _options(given.get("options"), f"{place}.options", arguments)
    default = given.get("default")
    if default not in (None, "", []):
        question["default"] = _default(question, default, place, arguments)
    return question


def _options(raw: Any, place: str, arguments: Mapping[str, Any]) -> list[Json]:
    listed = cast("list[Any]", raw) if isinstance(raw, list) else []
    if not 1 <= len(listed) <= MAX_OPTIONS:
        raise _invalid(f"{place}: 1 to {MAX_OPTIONS} options are needed", arguments)
    options: list[Json] = []
    for each in listed:
        option = cast("Json", each) if isinstance(each, dict) else {"label": each}
        label = option.get("label", option.get("value"))
        value = option.get("value", label)
        if not isinstance(label, (str, int, float)) or not isinstance(value, (str, int, float)) or str(value) == "":
            raise _invalid(f"{place}: an option has a label and a value", arguments)
        options.append({"label": json_text.spelled(label), "value": json_text.spelled(value)})
    values = [option["value"] for option in options]
    if len(set(values)) < len(values):
        raise _invalid(f"{place}: every value may occur once", arguments)
    return options


def _default(question: Json, default: Any, place: str, arguments: Mapping[str, Any]) -> Answer:
    labels = {option["label"]: option["value"] for option in question.get("options", ())}
    values = frozenset(labels.values())
    listed = cast("list[Any]", default) if isinstance(default, list) else [default]
    # Models like to repeat the label where the value is meant.
    named = [text if text in values else labels.get(text, text) for text in map(json_text.spelled, listed)]
    try:
        return _checked(question, named if isinstance(default, list) else named[0])
    except AnswerRefusedError as refused:
        raise _invalid(f"{place}.default: {refused}", arguments) from None


def _text(value: Any, place: str, arguments: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(f"{place}: a text is needed", arguments)
    return value


def _whole(value: Any, default: int) -> int | None:
    """The whole number, the default for nothing, None for anything else."""
    if value is None:
        return default
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and float(value).is_integer() else None


def _invalid(text: str, arguments: Mapping[str, Any]) -> ToolFailedError:
    return ToolFailedError(
        text, "INVALID_ARGUMENTS", required_params=list(REQUIRED), provided_params=sorted(map(str, arguments))
    )


def checked_answers(questions: Sequence[Json], given: Mapping[str, Answer | None]) -> dict[str, Answer]:
    """An answer to every question: the given one, else the default, else nothing (an empty text or list).

    An empty text or list that was given means "not answered" and is not replaced. Answers to questions that were not
    asked are ignored.

    Raises:
        AnswerRefusedError: no such option, or too long.
    """
    answers: dict[str, Answer] = {}
    for question in questions:
        value = given.get(question["id"])
        answers[question["id"]] = _default_of(question) if value is None else _checked(question, value)
    return answers


def default_answers(questions: Sequence[Json]) -> dict[str, Answer]:
    """What counts when nobody answered in time."""
    return checked_answers(questions, {})


def _default_of(question: Json) -> Answer:
    return question.get("default", [] if question["type"] == "multiple_choice" else "")


def _checked(question: Json, value: Answer) -> Answer:
    name = question["id"]
    listed = [each for each in (value if isinstance(value, list) else [value]) if each != ""]
    if question["type"] == "multiple_choice":
        chosen = list(dict.fromkeys(listed))
        _require_options(question, chosen)
        return chosen
    if len(listed) > 1:
        raise AnswerRefusedError(name, _ONE_ONLY)
    if not listed:
        return ""
    if question["type"] == "single_choice":
        _require_options(question, listed)
    elif len(listed[0]) > question["max_length"]:
        raise AnswerRefusedError(name, _TOO_LONG.fill(n=question["max_length"]))
    return listed[0]


def _require_options(question: Json, chosen: Sequence[str]) -> None:
    values = {option["value"] for option in question["options"]}
    if not values.issuperset(chosen):
        raise AnswerRefusedError(question["id"], _NOT_AN_OPTION)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a questionnaire ended. `submitted_at` is UTC ISO 8601 with `Z`."""

    questionnaire_id: str
    kind: str
    answers: dict[str, Answer]
    submitted_at: str | None
    is_auto_submit: bool


def result_of(outcome: Outcome, language: Language) -> Json:
    """Result of a `questionnaire` call: `submitted`, or `timeout` with the defaults."""
    in_time = not outcome.is_auto_submit
    return {
        "success": True,
        "status": "submitted" if in_time else "timeout",
        "message": (_SUBMITTED if in_time else _TIMEOUT)[language],
        "answers": outcome.answers,
        "questionnaire_id": outcome.questionnaire_id,
        "submitted_at": outcome.submitted_at,
        "is_auto_submit": outcome.is_auto_submit,
        "questionnaire_kind": outcome.kind,
    }


def async_result_of(form: Form) -> Json:
    """Result of a `questionnaire_async` call; the answer comes as the next user message."""
    return {"success": True, "validation_passed": True, "title": form.title, "questions": list(form.questions)}
