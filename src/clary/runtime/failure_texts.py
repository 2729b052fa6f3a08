"""What a person is told when a model call failed: one short sentence a kind (stream-runtime.md 9.15)."""

from clary.kit.text import Text
from clary.runtime.model import FailureKind

KIND_TEXTS: dict[FailureKind, Text] = {
    "provider_auth": Text(
        "模型服务认证失败，请检查模型提供商的 API Key",
        "The model service refused the credentials; check the provider's API key",
    ),
    "provider_quota": Text(
        "模型服务额度已用尽或欠费，请检查模型提供商的账户",
        "The quota or balance at the model service is used up; check the provider's account",
    ),
    "provider_rate_limit": Text(
        "模型服务请求过于频繁，请稍后重试", "The model service limits the rate; try again later"
    ),
    "model_not_found": Text(
        "模型服务中没有该模型，请检查模型名称和服务地址",
        "The model service does not know this model; check its name and the address",
    ),
    "content_filter": Text("内容被模型服务的安全策略拦截", "The model service's content policy refused this"),
    "context_overflow": Text(
        "对话内容超出模型的上下文长度，请精简内容或新建会话",
        "The conversation exceeds the model's context length; shorten it or start a new one",
    ),
    "provider_timeout": Text(
        "模型服务响应超时，请稍后重试", "The model service did not answer in time; try again later"
    ),
    "provider_unreachable": Text(
        "无法连接模型服务，请检查服务地址和网络",
        "The model service cannot be reached; check its address and the network",
    ),
    "provider_bad_response": Text("模型服务返回了无法识别的内容", "The model service sent an unreadable answer"),
    "provider_error": Text("模型服务出错，请稍后重试", "The model service reported an error; try later"),
    "empty_response": Text("模型没有返回任何内容", "The model returned nothing"),
    "input_too_large": Text("消息过长，超出模型的上下文长度", "The message alone exceeds the model's context length"),
    "limit": Text("运行已达到系统上限", "The run reached a limit of the server"),
    "internal_error": Text("系统内部错误", "Internal error"),
    "mcp_unreachable": Text("无法连接 MCP 服务", "The MCP server cannot be reached"),
}
"""The sentence of every kind, in both languages; holds no upstream text, address or key."""
