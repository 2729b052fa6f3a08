"""The ground of every request body (platform.md 1.3)."""

from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema

from clary.http.laxness import narrowed
from clary.kit import json_text
from clary.kit.text import Text, TextError


class Payload(BaseModel):
    """Unknown keys are ignored; null for an optional field means absent, unless the class lists it in `null_clears`.

    Numeric strings are accepted for numbers and `true`/`false`/0/1 for booleans; numbers are not accepted for strings.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    null_clears: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /) -> CoreSchema:
        # The library takes more for a number or a boolean than the contract.
        return narrowed(handler(source))

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            body = cast("dict[str, Any]", data)
            return {key: value for key, value in body.items() if value is not None or key in cls.null_clears}
        return data


def require_size(value: dict[str, Any], max_bytes: int, problem: Text) -> dict[str, Any]:
    """The value, if its JSON is no longer than so many bytes.

    Raises:
        TextError
    """
    if len(json_text.dumps(value)) > max_bytes:
        raise TextError(*problem)
    return value
