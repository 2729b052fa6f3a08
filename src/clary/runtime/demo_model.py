"""The built-in demo model: scripted, without network, and honest about it (platform.md 8.5).

A newcomer sees streaming, a tool call, a task list and a follow-up without any key. It reads no more of the
conversation than it needs to choose its next scripted line.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from clary.kit import json_text
from clary.kit.ids import new_hex
from clary.runtime.messages import AssistantMessage, ModelMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from clary.runtime.model import ModelDone, ModelItem, ModelRequest, TextDelta, Usage
from clary.runtime.toolset import estimate_tokens

MODEL_NAME = "clary-demo"
PACE_SECONDS = 0.03

_FIRST = {
    "zh": (
        "你好！我是 **Clary 演示模型**，不是真实模型：我的回答是预先写好的脚本，"
        "只用来展示流式输出、工具调用和任务清单。\n\n"
        "要连接真实模型，请打开“模型”页面，添加一个 OpenAI 兼容服务的地址、密钥和模型名；"
        "也可以由管理员设置 `CLARY_DEFAULT_LLM_*` 环境变量。\n\n"
    ),
    "en": (
        "Hello! I am the **Clary demo model, not a real model**: my answers are a fixed script that shows streaming, a "
        "tool call and a task list.\n\n"
        "To connect a real model, open the Models page and add the address, key and model name of any "
        "OpenAI-compatible service, or let an administrator set the `CLARY_DEFAULT_LLM_*` variables.\n\n"
    ),
}
_PLAN = {"zh": "先建立一个任务清单，看看工具调用的样子。", "en": "First a task list, so you can see a tool call."}
_DONE = {
    "zh": (
        "任务清单已经建好并更新：上面的卡片就是一次真实的工具调用，结果由服务器保存。\n\n"
        "接下来可以试试：\n- 刷新页面，看回答如何继续\n- 再问一句，看后续对话\n- 连接一个真实模型"
    ),
    "en": (
        "The task list is written: the card above was a real tool call, and the server keeps its result.\n\n"
        "What to try next:\n- reload the page and see the answer go on\n- ask a follow-up\n- connect a real model"
    ),
}
_PLAIN = {
    "zh": "这个智能体没有启用工具，所以我只能演示流式文字。给它勾选一些工具，再来试一次。",
    "en": "This agent has no tools, so I can only show streamed text. Tick some tools for it and try again.",
}
_AGAIN = {
    "zh": (
        "（演示模型）你刚才说的是：“{said}”。我只会照脚本回答；"
        "这一轮展示的是后续对话：之前的消息都已保存，并随请求一起送达模型。"
    ),
    "en": (
        "(demo model) You said: “{said}”. I only follow my script; this turn shows a follow-up: the earlier messages "
        "were kept and reached the model with your request."
    ),
}
_TASKS = {
    "zh": ["认识演示模型", "看一次工具调用", "连接真实模型"],
    "en": ["Meet the demo model", "See a tool call", "Connect a real model"],
}


class DemoModel:
    """Implements `ModelClient` from a script."""

    model_name = MODEL_NAME

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`."""
        language = _language(request.messages)
        text, call = _next_line(request, language)
        for piece in _pieces(text):
            await self._sleep(PACE_SECONDS)
            yield TextDelta(piece)
        prompt = sum(estimate_tokens(_text(message)) for message in request.messages)
        usage = Usage(prompt, estimate_tokens(text))
        yield ModelDone("tool_calls" if call else "stop", (call,) if call else (), usage)


def _next_line(request: ModelRequest, language: str) -> tuple[str, ToolCall | None]:
    said = [message for message in request.messages if isinstance(message, UserMessage) and not _is_server(message)]
    answers = [message for message in request.messages if isinstance(message, AssistantMessage)]
    has_list = any(tool.name == "todo_write" for tool in request.tools)
    if isinstance(_last(request.messages), ToolMessage):
        return _DONE[language], None
    if len(said) > 1 or answers:
        last = _text(said[-1]) if said else ""
        return _AGAIN[language].replace("{said}", last[:80]), None
    if not has_list:
        return _FIRST[language] + _PLAIN[language], None
    tasks = [
        {"id": str(number), "content": content, "status": "completed"}
        for number, content in enumerate(_TASKS[language], 1)
    ]
    arguments = json_text.dumps_text({"tasks": tasks})
    return _FIRST[language] + _PLAN[language], ToolCall("call_" + new_hex(24), "todo_write", arguments)


def _last(messages: Sequence[ModelMessage]) -> ModelMessage | None:
    return next((each for each in reversed(messages) if not (isinstance(each, UserMessage) and _is_server(each))), None)


def _is_server(message: UserMessage) -> bool:
    return isinstance(message.content, str) and message.content.startswith(("<server_facts>", "<conversation_summary>"))


def _language(messages: Sequence[ModelMessage]) -> str:
    """Chinese if the person wrote Chinese characters last, else English."""
    for message in reversed(messages):
        if isinstance(message, UserMessage) and not _is_server(message):
            return "zh" if any("\u4e00" <= char <= "\u9fff" for char in _text(message)) else "en"
    return "en"


def _text(message: ModelMessage) -> str:
    if isinstance(message, (SystemMessage, AssistantMessage)):
        return message.text
    content = message.content
    return content if isinstance(content, str) else " ".join(getattr(part, "text", "") for part in content)


def _pieces(text: str) -> list[str]:
    """A few characters at a time, as a model would."""
    return [text[start : start + 6] for start in range(0, len(text), 6)]
