"""How a model is asked to think more or less: one documented form a provider (stream-runtime.md 9.10).

Pure. `auto` goes by host and model name and is `none` when in doubt, because a parameter that a provider does not know
makes it refuse the whole request.
"""

import re
from typing import Any, Literal, NamedTuple

from clary.runtime.model import Thinking

ThinkingStyle = Literal["none", "reasoning_effort", "enable_thinking", "thinking_object", "auto"]
"""platform.md 8.1 `thinking_style`."""
KnownStyle = Literal["none", "reasoning_effort", "enable_thinking", "thinking_object"]

_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


class _Habit(NamedTuple):
    """Models of a host (by suffix of its name) that share a form; `never` are exceptions among them."""

    hosts: tuple[str, ...]
    models: re.Pattern[str]
    never: re.Pattern[str] | None
    style: KnownStyle


_ALWAYS_OR_NEVER = re.compile(r"thinking|instruct|coder|-vl|-vision|-mt|qwq|-r1")
_HABITS = (
    _Habit(
        ("api.openai.com", "openai.azure.com"),
        re.compile(r"o[134](-|$)|gpt-5"),
        re.compile(r"chat"),
        "reasoning_effort",
    ),
    _Habit(
        ("generativelanguage.googleapis.com",), re.compile(r"(models/)?gemini-(2\.5|[3-9])"), None, "reasoning_effort"
    ),
    _Habit(("api.groq.com",), re.compile(r"(openai/)?gpt-oss"), None, "reasoning_effort"),
    _Habit(
        ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
        re.compile(r"qwen3|qwen-(plus|turbo|flash|max)|deepseek-v3\.[1-9]|glm-(4\.[5-9]|[5-9])"),
        _ALWAYS_OR_NEVER,
        "enable_thinking",
    ),
    _Habit(
        ("api.siliconflow.cn", "api.siliconflow.com"),
        re.compile(
            r"(pro/)?(qwen/qwen3|deepseek-ai/deepseek-v3\.[1-9]|zai-org/glm-(4\.[5-9]|[5-9])|tencent/hunyuan-a13b)"
        ),
        _ALWAYS_OR_NEVER,
        "enable_thinking",
    ),
    _Habit(("open.bigmodel.cn", "api.z.ai"), re.compile(r"glm-(4\.[5-9]|[5-9])"), None, "thinking_object"),
    _Habit(
        ("volces.com", "bytepluses.com"),
        re.compile(r"doubao-seed|seed-[1-9]|deepseek-v3[.-][1-9]|glm-(4[.-][5-9]|[5-9])"),
        None,
        "thinking_object",
    ),
    _Habit(("api.deepseek.com",), re.compile(r"deepseek-(chat|reasoner|v)"), None, "thinking_object"),
    _Habit(("api.moonshot.cn", "api.moonshot.ai"), re.compile(r"kimi-k2\.[5-9]|kimi-k[3-9]"), None, "thinking_object"),
)
_ALWAYS_THINKS = re.compile(r"thinking|reasoner|-r1|qwq|^o[134](-|$)|gpt-5|gpt-oss", re.IGNORECASE)
_WANTS_REASONING_BACK = re.compile(r"deepseek-(chat|reasoner|v3\.[2-9]|v[4-9])|kimi-k2-thinking|kimi-k2\.[5-9]")
_OPENAI_REASONING = _HABITS[0]


def resolve_style(style: ThinkingStyle, host: str, model: str) -> KnownStyle:
    """The form to use; `auto` is looked up, everything unknown is `none`."""
    if style != "auto":
        return style
    for habit in _HABITS:
        if _fits(habit, host, model):
            return habit.style
    return "none"


def has_thinking_switch(style: ThinkingStyle, host: str, model: str) -> bool:
    """Whether the model can be told to think; without it the runtime analyses the task itself (9.10)."""
    return resolve_style(style, host, model) != "none"


def thinking_parameters(style: KnownStyle, model: str, thinking: Thinking) -> dict[str, Any]:
    """The request parameters for a wish; none when there is no wish or no form for it."""
    if style == "none" or (thinking.enabled is None and thinking.level is None):
        return {}
    enabled = thinking.enabled is not False
    if style == "enable_thinking":
        return {"enable_thinking": enabled}
    if style == "thinking_object":
        return {"thinking": {"type": "enabled" if enabled else "disabled"}}
    return {"reasoning_effort": _effort(model, thinking.level or "high") if enabled else _least_effort(model)}


def thinks_long(style: KnownStyle, model: str, thinking: Thinking) -> bool:
    """Whether the first token may take the longer time limit."""
    asked = thinking.enabled is True or (thinking.level is not None and thinking.enabled is None)
    return (style != "none" and asked) or _ALWAYS_THINKS.search(model) is not None


def wants_reasoning_back(model: str) -> bool:
    """Whether the provider demands the reasoning of a tool round back while the round goes on."""
    return _WANTS_REASONING_BACK.search(model.lower()) is not None


def token_limit_name(host: str, model: str) -> str:
    """Name of the output limit: OpenAI's reasoning models refuse the older one."""
    return "max_completion_tokens" if _fits(_OPENAI_REASONING, host, model) else "max_tokens"


def _fits(habit: _Habit, host: str, model: str) -> bool:
    name = model.lower()
    return (
        any(host == known or host.endswith("." + known) for known in habit.hosts)
        and habit.models.match(name) is not None
        and (habit.never is None or habit.never.search(name) is None)
    )


def _effort(model: str, level: str) -> str:
    """The nearest effort the model documents; low, medium and high are the ones all share."""
    accepted = {"low", "medium", "high"}
    if re.match(r"gpt-5($|-(mini|nano|20))", model.lower()):
        accepted.add("minimal")
    if re.match(r"gpt-5\.[2-9]|gpt-5\.1-codex-max", model.lower()):
        accepted.add("xhigh")
    wanted = _EFFORTS.index(level)
    return min(accepted, key=lambda each: (abs(_EFFORTS.index(each) - wanted), _EFFORTS.index(each)))


def _least_effort(model: str) -> str:
    name = model.lower()
    return "none" if re.match(r"gpt-5\.[1-9]", name) else _effort(name, "minimal")
