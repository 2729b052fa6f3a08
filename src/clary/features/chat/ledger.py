"""Usage of one run: what the `token_usage` line and the run row say (stream-runtime.md 4.6, 9.17)."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clary.runtime.model import Usage


@dataclass(slots=True)
class _Step:
    usage: Usage | None
    note: str | None
    model: str


@dataclass(slots=True)
class RunUsage:
    """Sums per step name and in all."""

    steps: dict[str, _Step] = field(default_factory=dict[str, _Step])
    models: list[str] = field(default_factory=list[str])
    cost: Decimal = Decimal(0)
    priced: bool = False
    rolled: list[str] = field(default_factory=list[str])
    """Children whose usage is in these sums."""

    def add_child(self, run_id: str, session_id: str, total: dict[str, Any], cost: str | None) -> None:
        """Adds what a child used, once: its total, which holds its own children's (stream-runtime.md 9.7)."""
        if run_id in self.rolled:
            return
        self.rolled.append(run_id)
        name = f"sub_agent:{session_id}"
        usage = _read(total) if total else None
        step = self.steps.get(name)
        if step is None:
            self.steps[name] = _Step(usage, None, "")
        elif usage is not None:
            step.usage = usage if step.usage is None else _sum(step.usage, usage)
        if cost is not None:
            self.add_cost(Decimal(cost))

    def add(self, step_name: str, model: str, usage: Usage | None, *, note: str | None = None) -> None:
        """Books a call; a call without figures is listed with its note."""
        if model not in self.models:
            self.models.append(model)
        step = self.steps.get(step_name)
        if step is None:
            self.steps[step_name] = _Step(usage, note, model)
            return
        step.note = note or step.note
        if usage is not None:
            step.usage = usage if step.usage is None else _sum(step.usage, usage)

    def add_cost(self, cost: Decimal | None) -> None:
        """Books money; None for an unpriced model."""
        if cost is not None:
            self.cost += cost
            self.priced = True

    def total(self) -> dict[str, Any]:
        """`total_info`; `{}` if nothing was reported."""
        usages = [step.usage for step in self.steps.values() if step.usage is not None]
        if not usages:
            return {}
        whole = usages[0]
        for usage in usages[1:]:
            whole = _sum(whole, usage)
        return _figures(whole)

    def sums(self) -> tuple[dict[str, Any], str | None]:
        """(total, cost; None when nothing has a price), as `add_child` takes them."""
        return self.total(), str(self.cost) if self.priced else None

    def wire(self, currency: str) -> dict[str, Any]:
        """`metadata.token_usage`."""
        total = self.total()
        if total and self.priced:
            total = {**total, "cost": float(self.cost), "currency": currency}
        shape: dict[str, Any] = {"total_info": total, "per_step_info": [_step(n, s) for n, s in self.steps.items()]}
        if self.models:
            shape["model"] = self.models[0]
            shape["models"] = self.models
        return shape

    def dump(self) -> dict[str, Any]:
        """For the row of an active run: its total so far, and the sums a takeover goes on adding to."""
        return {
            "total_info": self.total(),
            "steps": {
                name: [_figures(step.usage) if step.usage else None, step.note, step.model]
                for name, step in self.steps.items()
            },
            "models": self.models,
            "cost": str(self.cost),
            "priced": self.priced,
            "rolled": self.rolled,
        }

    @staticmethod
    def load(raw: dict[str, Any]) -> "RunUsage":
        """The inverse of `dump`."""
        found = RunUsage()
        for name, (usage, note, model) in raw.get("steps", {}).items():
            found.steps[name] = _Step(_read(usage) if usage else None, note, model)
        found.models = list(raw.get("models", []))
        found.cost = Decimal(raw.get("cost", "0"))
        found.priced = bool(raw.get("priced"))
        found.rolled = list(raw.get("rolled", []))
        return found


def _step(name: str, step: _Step) -> dict[str, Any]:
    shape: dict[str, Any] = {"step_name": name, "usage": _figures(step.usage) if step.usage else None}
    if step.model:
        shape["model"] = step.model
    if step.note:
        shape["note"] = step.note
    return shape


def _figures(usage: Usage) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.cached_tokens is not None:
        shape["cached_tokens"] = usage.cached_tokens
    if usage.reasoning_tokens is not None:
        shape["reasoning_tokens"] = usage.reasoning_tokens
    return shape


def _read(raw: dict[str, Any]) -> Usage:
    return Usage(raw["prompt_tokens"], raw["completion_tokens"], raw.get("cached_tokens"), raw.get("reasoning_tokens"))


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
        _plus(first.cached_tokens, second.cached_tokens),
        _plus(first.reasoning_tokens, second.reasoning_tokens),
    )


def _plus(first: int | None, second: int | None) -> int | None:
    return None if first is None and second is None else (first or 0) + (second or 0)
