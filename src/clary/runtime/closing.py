"""What comes after the work: self-check, summary, follow-ups (stream-runtime.md 9.11)."""

import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, cast

from clary.kit import json_text
from clary.kit.text import Text, cut
from clary.runtime.context import Entry
from clary.runtime.events import RunEvent, RunFailedError, SelfChecked, ServerSummed, Suggested
from clary.runtime.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from clary.runtime.model import ModelFailedError
from clary.runtime.model_steps import ModelSteps, last_user_text
from clary.runtime.plan import LoopPlan, LoopState
from clary.runtime.toolset import parse_arguments, words

MAX_CHECKS: Final = 2
MAX_EMPTY_SUMMARIES: Final = 3
SUGGESTIONS: Final = 3
SUGGESTION_CHARACTERS: Final = 40
_SUMMARY: Final = (
    "Write the closing summary now: the task, what was done, the results, and what is left open. No tools."
)
_OWN_SUMMARY: Final = Text(
    "任务：{task}\n\n已执行的调用：{work}\n\n最后的答复：{result}",
    "Task: {task}\n\nCalls made: {work}\n\nLast answer: {result}",
)
_SUGGEST: Final = (
    "Propose exactly three short follow-up questions or requests that the person may want to send next, from the "
    "person's point of view, in the person's language, at most 40 characters each. Reply with one JSON object only: "
    '{"suggestions": ["…", "…", "…"]}.'
)
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)


class Closing:
    """The end of a run that completes."""

    def __init__(self, plan: LoopPlan, state: LoopState, models: ModelSteps) -> None:
        self._plan = plan
        self._state = state
        self._models = models
        self.found_faults = False
        """The latest check found something to mend."""
        self._suggestions: tuple[str, ...] = ()

    async def check(self) -> AsyncGenerator[RunEvent]:
        """Looks at what was written; a fault is shown, seen by the model, and the work goes on."""
        self.found_faults = False
        if self._plan.self_check is None or self._state.checks >= MAX_CHECKS:
            return
        report = await self._plan.self_check.check(self._successful_calls(), self.answer())
        if report is None:
            return
        self.found_faults = True
        self._state.checks += 1
        self._state.answered = False
        self._state.entries.append(Entry(AssistantMessage(report.text)))
        yield SelfChecked(self._plan.new_id(), report.text, report.files)

    def _successful_calls(self) -> list[tuple[ToolCall, str]]:
        calls: dict[str, ToolCall] = {}
        found: list[tuple[ToolCall, str]] = []
        for entry in self._state.entries:
            if not entry.of_this_run:
                continue
            if isinstance(entry.message, AssistantMessage):
                calls.update((call.id, call) for call in entry.message.tool_calls)
                continue
            if not isinstance(entry.message, ToolMessage) or _is_error(entry.message.content):
                continue
            call = calls.get(entry.message.tool_call_id)
            if call is not None:
                found.append((call, entry.message.content))
        return found

    def answer(self) -> str:
        """The last answer of this run, or `""`."""
        for entry in reversed(self._state.entries):
            if entry.of_this_run and isinstance(entry.message, AssistantMessage) and entry.message.text.strip():
                return entry.message.text
        return ""

    async def summarise(self) -> AsyncGenerator[RunEvent]:
        """One `final_answer` message about task, work and results."""
        if self._state.summarised:
            return
        for _ in range(MAX_EMPTY_SUMMARIES):
            async with aclosing(self._models.speak("final_answer", (), _SUMMARY, "final_answer")) as events:
                async for event in events:
                    yield event
            # Some models go on calling tools though none are offered; that is no summary.
            if self._models.response.text.strip():
                break
        self._state.summarised = True
        if self._models.response.text.strip():
            self._models.take_text()
        else:
            text = self._own_summary()
            self._state.entries.append(Entry(AssistantMessage(text)))
            yield ServerSummed(self._plan.new_id(), text)

    def _own_summary(self) -> str:
        """Task, work and result as far as the record tells of them."""
        calls = Counter(
            call.name
            for entry in self._state.entries
            if entry.of_this_run and isinstance(entry.message, AssistantMessage)
            for call in entry.message.tool_calls
        )
        work = ", ".join(f"{name} × {count}" for name, count in calls.items()) or "–"
        text = _OWN_SUMMARY.fill(
            task=cut(last_user_text(self._state.entries), 300), work=work, result=cut(self.answer(), 1000) or "–"
        )
        return words(text, self._plan.instructions.language)

    async def ask_for_suggestions(self) -> AsyncGenerator[RunEvent]:
        """Has three follow-ups written, once; a failure is silent, and only the call's usage is left of it."""
        if not self._plan.more_suggest or self._state.suggested:
            return
        self._state.suggested = True
        talk = f"Person: {last_user_text(self._state.entries)[-2000:]}\n\nAgent: {self.answer()[-4000:]}"
        try:
            text, usage = await self._models.ask([SystemMessage(_SUGGEST), UserMessage(talk)], max_tokens=400)
        except (ModelFailedError, RunFailedError) as error:
            usage = error.usage if isinstance(error, ModelFailedError) else None
            yield self._models.silent("query_suggest", usage, error.kind)
            return
        yield self._models.silent("query_suggest", usage)
        self._suggestions = read_suggestions(text)

    async def suggest(self) -> AsyncGenerator[RunEvent]:
        """Shows what was written."""
        if self._suggestions:
            yield Suggested(self._plan.new_id(), self._suggestions)

    def drop_suggestions(self) -> None:
        """The talk goes on: what was written for its end is to be written anew."""
        self._suggestions, self._state.suggested = (), False


def read_suggestions(text: str) -> tuple[str, ...]:
    """Three short lines out of a model's answer; empty when it cannot be read."""
    found = _OBJECT.search(text)
    try:
        wanted: Any = json_text.loads(found.group())["suggestions"] if found else None
    except (ValueError, KeyError, TypeError):
        return ()
    if not isinstance(wanted, list):
        return ()
    lines = [" ".join(each.split()) for each in cast("list[Any]", wanted) if isinstance(each, str) and each.strip()]
    return (
        tuple(cut(line, SUGGESTION_CHARACTERS - 1, "…") for line in lines[:SUGGESTIONS])
        if len(lines) >= SUGGESTIONS
        else ()
    )


def _is_error(content: str) -> bool:
    return content.startswith('{"error":true') or (parse_arguments(content) or {}).get("error") is True
