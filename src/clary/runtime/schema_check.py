"""JSON Schema over a model's arguments. Schemas may come from strangers' servers: nothing is fetched, nothing hangs."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

import jsonschema
import jsonschema.exceptions
import jsonschema.validators
import referencing
import referencing.exceptions

from clary.kit.linear_regex import LinearPattern, PatternError
from clary.kit.text import cut

_REASON_CHARACTERS: Final = 300
_UNCHECKABLE: Final = (
    jsonschema.exceptions.SchemaError,
    jsonschema.exceptions.UnknownType,
    referencing.exceptions.Unresolvable,
    RecursionError,
    TypeError,
    AttributeError,
    ValueError,
)


class SchemaProblem(NamedTuple):
    """What is wrong with a value: where (`tasks.0.id`, or `-` for the whole) and why."""

    place: str
    reason: str


def first_problem(schema: dict[str, Any], value: Any) -> SchemaProblem | None:
    """The most telling way in which a value breaks its schema, or None.

    A schema that is broken itself passes everything: the server it came from checks for itself.
    """
    try:
        # An empty registry: a `$ref` to an address must never be fetched.
        validator = _validator_class(schema, registry=cast("Any", referencing.Registry)())
        error = _best_match(validator.iter_errors(value))
    except _UNCHECKABLE:
        return None
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path) or "-"
    return SchemaProblem(place, cut(error.message, _REASON_CHARACTERS))


def _linear_pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    """`pattern` by an engine of linear time. What that engine cannot read, or only slowly, passes."""
    if not isinstance(instance, str) or not isinstance(pattern, str):
        return
    try:
        compiled = LinearPattern(pattern)
    except PatternError:
        return
    if compiled.is_affordable(len(instance)) and compiled.search(instance) is None:
        yield jsonschema.exceptions.ValidationError(f"{cut(instance, 80)!r} does not match {cut(pattern, 80)!r}")


def _unchecked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    return iter(())


def _additional(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    # With patternProperties the stock check would run those patterns with a backtracking engine.
    return iter(()) if "patternProperties" in schema else _stock_additional(validator, value, instance, schema)


_stock_additional: Final = cast("Any", jsonschema.Draft202012Validator).VALIDATORS["additionalProperties"]
_best_match: Final = cast("Any", jsonschema.exceptions.best_match)  # pyright: ignore[reportUnknownMemberType]
_validator_class: Final = cast("Any", jsonschema.validators.extend)(  # pyright: ignore[reportUnknownMemberType]
    jsonschema.Draft202012Validator,
    {
        "pattern": _linear_pattern,
        "patternProperties": _unchecked,
        "unevaluatedProperties": _unchecked,
        "additionalProperties": _additional,
    },
)
