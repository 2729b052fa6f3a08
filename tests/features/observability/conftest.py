"""A chat whose runs use tools, delegate, fail and wait."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Fault, Say, Tokens
from features.chat.world import Chat, chat_in

USED = Tokens(1000, 200)
TOOLS = ["list_dir", "todo_read"]
TASK = {"agent_id": "kid", "task_name": "t", "original_task": "o", "content": "[[play:kid]] Do it."}
SCRIPTS = {
    "look": [
        CallTools([Call("list_dir", {}, id="call_look"), Call("todo_read", {}, id="call_todo")], usage=USED),
        Say("Looked.", usage=USED),
    ],
    "parent": [
        CallTools([Call("sys_delegate_task", {"tasks": [TASK]}, id="call_hand")], usage=USED),
        Say("Handed on."),
    ],
    "kid": [CallTools([Call("sys_finish_task", {"status": "success", "result": "kid is done"})], usage=USED)],
    "broken": [Fault("status", status=401)],
    "write": [
        CallTools([Call("file_write", {"file_path": "/workspace/a.txt", "content": "a"}, id="call_write")]),
        Say("Done."),
    ],
}


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A house, Alice, and a model that follows the scripts above."""
    async with chat_in(tmp_path, SCRIPTS) as built:
        yield built
