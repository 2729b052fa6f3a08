"""What somebody asks of bases (contract product 5.6)."""

from dataclasses import dataclass, field

from clary.features.knowledge.policy.filters import Filters
from clary.features.knowledge.policy.ranking import Mode


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks. None: as the base says, or else the default."""

    query: str
    top_k: int | None = None
    mode: Mode | None = None
    filters: Filters = field(default_factory=Filters)
    rerank: bool | None = None
    min_score: float | None = None
    highlight: bool = False
    explain: bool = False
    include_full_content: bool = False
    merge: bool = True
    neighbours: int = 0
