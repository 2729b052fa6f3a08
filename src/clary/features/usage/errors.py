"""Refusals of budgets (platform.md 14.3)."""

from datetime import datetime

from clary.errors import LimitExceededError, NotFoundError
from clary.kit.text import Text

SCOPE_NAMES = {
    "server": Text("服务器", "server"),
    "user": Text("用户", "user"),
    "group": Text("用户组", "group"),
    "key": Text("密钥", "key"),
    "agent": Text("智能体", "agent"),
    "session": Text("会话", "conversation"),
    "run": Text("运行", "run"),
}


class BudgetExhaustedError(LimitExceededError):
    """Nothing is left of a ceiling. `scope` names it (a key of `SCOPE_NAMES`); `resets_at` None: it never resets."""

    slug = "budget_exhausted"
    code = 429
    http_status = 200
    text = Text("预算已用完（{scope}），{time} 后重置", "Budget used up ({scope}), resets at {time}")

    WITHOUT_RESET = Text("预算已用完（{scope}）", "Budget used up ({scope})")

    def __init__(self, scope: str, resets_at: datetime | None = None, *, now: datetime | None = None) -> None:
        headers: dict[str, str] = {}
        if resets_at is not None and now is not None:
            headers["Retry-After"] = str(max(1, int((resets_at - now).total_seconds() + 0.999)))
        super().__init__(headers=headers)
        self.scope, self.resets_at = scope, resets_at
        text, time = self.WITHOUT_RESET, ""
        if resets_at is not None:
            text, time = self.text, f"{resets_at:%Y-%m-%d %H:%M} {resets_at.tzinfo}"
        name = SCOPE_NAMES[scope]
        self.message = Text(text.fill(scope=name.zh, time=time).zh, text.fill(scope=name.en, time=time).en)


class ModelUnpricedError(LimitExceededError):
    """A money ceiling counts, the model has no price, and the server refuses that (`CLARY_UNPRICED_MODELS`)."""

    slug = "model_unpriced"
    code = 429
    http_status = 200
    text = Text(
        "该模型没有价格，无法计入费用预算",
        "This model has no price and cannot be counted against a money budget",
    )


class BudgetNotFoundError(NotFoundError):
    """Nothing of this scope and id could have a budget of the caller's making."""

    slug = "budget_not_found"
    code = 404
    http_status = 200
    text = Text("预算对象不存在", "No such budget target")
