"""What passes for a number or a boolean (platform.md 1.3)."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError

from clary.asgi import routers
from clary.http.payload import Payload


class Inner(Payload):
    """One inside another."""

    count: int = 0


class Body(Payload):
    """A number and a boolean in every place that a field can have."""

    count: int = 0
    share: float | None = None
    is_on: bool = False
    limits: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict[str, Annotated[int, Field(ge=0)]])
    inner: list[Inner] = Field(default_factory=list[Inner])
    either: bool | str | None = None


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        *(("count", "5", 5), ("count", 5.0, 5), ("share", "1.5", 1.5), ("share", 2, 2.0)),
        *(("is_on", word, True) for word in (True, 1, "1", "true", "True")),
        *(("is_on", word, False) for word in (False, 0, "0", "false")),
        *(("either", "yes", "yes"), ("either", True, True), ("limits", {"a": "3"}, {"a": 3})),
        ("inner", [{"count": "1"}], [Inner(count=1)]),
    ],
)
def test_numeric_texts_are_numbers_and_four_words_are_booleans(name: str, given: Any, read: Any) -> None:
    value = getattr(Body.model_validate({name: given}), name)
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        *(({"count": True}, "int_type"), ({"share": False}, "float_type"), ({"limits": {"a": True}}, "int_type")),
        *(({"share": text}, "float_parsing") for text in ("NaN", "Infinity", "-inf", "1e999")),
        *(({"is_on": word}, "bool_parsing") for word in ("yes", "no", "on", "off", "t", "f", "y", "n", "", 2)),
        *(({"inner": [{"count": False}]}, "int_type"), ({"count": "five"}, "int_parsing")),
    ],
)
def test_nothing_else_is_a_number_or_a_boolean(given: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Body.model_validate(given)
    assert [each["type"] for each in refused.value.errors()] == [kind]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """A model, and those in its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            if field.annotation is not annotation:
                yield from models_in(field.annotation)
    for part in get_args(annotation):
        yield from models_in(part)


def test_every_body_is_read_in_this_way() -> None:
    found = {
        model
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute) and route.body_field is not None
        for model in models_in(route.body_field.field_info.annotation)
    }
    assert len(found) > 50
    assert [model.__qualname__ for model in found if not issubclass(model, Payload)] == []
