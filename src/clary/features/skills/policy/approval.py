"""Which state a new version gets, and who may decide about one that waits (product.md 7.2)."""

from dataclasses import dataclass
from typing import Literal

from clary.features.skills.policy.findings import Level
from clary.features.skills.ports import Dimension

ApprovalMode = Literal["scan", "owner", "admin"]
State = Literal["approved", "quarantined", "rejected"]
Decider = Literal["owner", "admin"]
POLICY = "policy"
"""Stands for the person who approved, where it was nobody."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`decider` is None where nobody has to decide: approved at once."""

    decider: Decider | None

    @property
    def state(self) -> State:
        """The state a version begins with."""
        return "approved" if self.decider is None else "quarantined"


def judge(
    *, mode: ApprovalMode, dimension: Dimension, worst: Level, is_url_import: bool, has_executables: bool
) -> Verdict:
    """What becomes of a hash that is new. A stricter mode never makes an administrator's duty an owner's."""
    if dimension == "system":
        return Verdict("admin" if mode != "scan" or worst == "high" else None)
    if mode == "admin" or worst == "high":
        return Verdict("admin")
    if mode == "owner" or worst == "medium" or (is_url_import and has_executables):
        return Verdict("owner")
    return Verdict(None)


def may_approve(decider: str | None, *, is_admin: bool) -> bool:
    """Whether somebody who may change the skill may let this version in."""
    return is_admin or decider == "owner"
