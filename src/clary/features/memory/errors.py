"""What can be refused about notes (product.md 2.4).

ProblemError
├── NotFoundError  MemoryNotFoundError
└── ConflictError  MemoryFullError
"""

from clary.errors import ConflictError, NotFoundError
from clary.kit.text import Text


class MemoryNotFoundError(NotFoundError):
    """No such note of this person for this agent."""

    slug = "memory_not_found"
    code = 404
    http_status = 200
    text = Text("记忆不存在", "Memory note not found")


class MemoryFullError(ConflictError):
    """The person has as many notes for this agent as may be."""

    slug = "memory_full"
    code = 409
    http_status = 200
    text = Text("记忆条目已达上限", "The memory is full")
