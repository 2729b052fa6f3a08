"""Texts of notices inside a run."""

from clary.kit.text import Text

NOTICES: dict[str, Text] = {
    "loop_limit": Text(
        "已达到本次运行的最大轮数。如需继续，请发送“继续”。",
        "This run has reached its limit of rounds. Send “continue” to go on.",
    ),
    "repetition": Text(
        "检测到重复的工具调用，运行已停止。请补充说明，或发送“继续”换一种方式再试。",
        "The same tool call was repeated without progress, so the run stopped. Add details, or send “continue” to try "
        "another way.",
    ),
    "budget": Text("预算已用完。", "The budget is spent."),
}

RUN_FAILED = Text("工作流执行失败: {reason}", "Run failed: {reason}")
