"""What people write elsewhere than on the wire, held to the same rules (contract product 5.2, 5.9)."""

from typing import Any

from clary.features.knowledge.payloads.bases import KdbAddRequest
from clary.features.knowledge.payloads.questions import QuestionShape
from clary.features.knowledge.service.bases import NewBase


def base_of(name: str, type: str) -> NewBase:
    """A base as `/add` takes it.

    Raises:
        ValueError, NameEmptyError
    """
    body = KdbAddRequest(name=name, type=type)
    return NewBase(body.require_name(), body.type, body.intro, body.settings())


def question_of(item: Any) -> dict[str, Any]:
    """An item as POST `/questions` takes it.

    Raises:
        ValueError
    """
    return QuestionShape.model_validate(item).kept()
