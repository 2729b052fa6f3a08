"""What a model is shown when space is short (stream-runtime.md 9.8)."""

import pytest

from clary.runtime.context import BudgetRules, ContextBudget, Entry
from clary.runtime.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage

SYSTEM, FACTS = SystemMessage("Persona."), UserMessage("<server_facts>noon</server_facts>")


def worked(*tokens: int) -> list[Entry]:
    """A turn whose calls gave results of so many tokens."""
    entries = [Entry(UserMessage("go"))]
    for at, size in enumerate(tokens):
        entries.append(Entry(AssistantMessage("", (ToolCall(f"c{at}", "read", "{}"),))))
        entries.append(Entry(ToolMessage(f"c{at}", "abcd" * size)))
    return entries


@pytest.mark.parametrize(
    ("ratio", "shortened"),
    [(0.5, []), (0.3, ["c0"]), (0.1, ["c0", "c1"])],
    ids=["within its share", "the older one is enough", "the latest too"],
)
def test_results_of_the_current_turn_are_shortened_once_they_outgrow_its_share(
    ratio: float, shortened: list[str]
) -> None:
    budget = ContextBudget(BudgetRules(12_000, 1000, max_new_message_ratio=ratio))
    earlier = worked(2000)
    fitted = budget.fit(SYSTEM, (), None, [*earlier, *worked(2500, 2500)], FACTS)
    whole = fitted.messages[3]
    assert isinstance(whole, ToolMessage)
    # What earlier turns gave is no growth of this one.
    assert "left out" not in whole.content
    assert [each.tool_call_id for each in fitted.shortened] == shortened
    assert budget.wants_compaction(SYSTEM, (), None, [*earlier, *worked(2500, 2500)]) is None


def test_what_the_person_said_stays_word_for_word_over_several_summaries() -> None:
    budget = ContextBudget(BudgetRules(12_000, 1000))
    summary: str | None = None
    for words in ("The limit is 42.\nAlways.", "Never call me Bob.", "Write in French."):
        covered = [Entry(UserMessage(words)), Entry(AssistantMessage("Yes."))]
        # A model likes to repeat what it was given.
        text = f"Agreed.{summary or ''}"[:60]
        summary = budget.compacted(covered, [], text, "m", lambda: "id", 0, summary).summary
    told = "- The limit is 42.\nAlways.\n- Never call me Bob.\n- Write in French."
    assert summary is not None
    assert summary.split("What the user said, word for word:\n")[1:] == [told]
    small = ContextBudget(BudgetRules(2000, 1000, history_ratio=0.01))
    kept = small.compacted([Entry(UserMessage("Newest."))], [], "", "m", lambda: "id", 0, summary).summary
    assert kept.endswith("word for word:\n- Write in French.\n- Newest.")
