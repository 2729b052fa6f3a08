"""The server's question whether a plan may be carried out (stream-runtime.md 9.6)."""

from clary.features.chat.config import RunConfig
from clary.kit import json_text
from clary.kit.ids import new_hex
from clary.kit.text import Text
from clary.runtime.messages import ToolCall
from clary.runtime.plan_gate import ASKED_BY_SERVER

WAIT_SECONDS = 600

_TITLE = Text("请确认计划", "Please confirm the plan")
_DECISION = Text("如何处理这个计划？", "What shall be done with this plan?")
_EXECUTE = Text("执行计划", "Execute the plan")
_ADJUST = Text("调整计划", "Adjust the plan")
_ADD = Text("补充要求", "Add requirements")
_FEEDBACK = Text("补充说明（可选）", "Remarks (optional)")


class PlanQuestions:
    """Implements `runtime.plan.Questions`."""

    def __init__(self, config: RunConfig, session_id: str) -> None:
        self._config = config
        self._session_id = session_id

    def plan_confirmation(self) -> ToolCall:
        """See `Questions.plan_confirmation`."""
        locale, call_id = self._config.locale, ASKED_BY_SERVER + new_hex(16)
        options = [("execute_plan", _EXECUTE), ("adjust_plan", _ADJUST), ("add_requirements", _ADD)]
        questions = [
            {
                "id": "decision",
                "type": "single_choice",
                "title": _DECISION.render(locale),
                "options": [{"label": text.render(locale), "value": value} for value, text in options],
            },
            {"id": "feedback", "type": "text", "title": _FEEDBACK.render(locale), "max_length": 4000},
        ]
        arguments = {
            "title": _TITLE.render(locale),
            "questions": questions,
            "wait_time": WAIT_SECONDS,
            "questionnaire_kind": "plan_confirmation",
            "questionnaire_id": f"{self._session_id}__questionnaire__{call_id}",
        }
        return ToolCall(call_id, "questionnaire", json_text.dumps_text(arguments))
