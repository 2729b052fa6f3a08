"""JSON Schema over a model's arguments. Schemas may come from strangers' servers: nothing is fetched, nothing hangs."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, cast

import jsonschema
import jsonschema.exceptions
import jsonschema.validators
import referencing
import referencing.exceptions

from clary.kit.json_text import dumps_text
from clary.kit.linear_regex import LinearPattern, PatternError
from clary.kit.text import Text, cut

_REASON_CHARACTERS: Final = 300
_WORK: Final = 400_000
"""What one check may cost: some 20,000 keywords, a third of a second. References let a short schema ask for more than
any time is enough for."""
_WORK_OF_A_KEYWORD: Final = 20
_NAMED_NAMES: Final = frozenset({"type", "required"})
_OTHERWISE: Final = Text("不符合要求", "does not meet the schema")
_REASONS: Final = {
    "type": Text("应为类型 {wanted}", "should be of type {wanted}"),
    "required": Text("缺少必填字段，需要 {wanted}", "a required field is missing of {wanted}"),
    "enum": Text("应为以下之一: {wanted}", "should be one of {wanted}"),
    "const": Text("应为 {wanted}", "should be {wanted}"),
    "minimum": Text("不能小于 {wanted}", "should be at least {wanted}"),
    "maximum": Text("不能大于 {wanted}", "should be at most {wanted}"),
    "exclusiveMinimum": Text("应大于 {wanted}", "should be more than {wanted}"),
    "exclusiveMaximum": Text("应小于 {wanted}", "should be less than {wanted}"),
    "multipleOf": Text("应为 {wanted} 的倍数", "should be a multiple of {wanted}"),
    "minLength": Text("不能少于 {wanted} 个字符", "should have at least {wanted} characters"),
    "maxLength": Text("不能超过 {wanted} 个字符", "should have at most {wanted} characters"),
    "minItems": Text("不能少于 {wanted} 项", "should have at least {wanted} items"),
    "maxItems": Text("不能超过 {wanted} 项", "should have at most {wanted} items"),
    "uniqueItems": Text("各项不能重复", "should have no item twice"),
    "pattern": Text("应符合 {wanted}", "should match {wanted}"),
    "additionalProperties": Text("含有不允许的字段", "holds a field that is not allowed"),
    "anyOf": Text("不符合任何一种允许的形式", "has none of the forms that are allowed"),
    "oneOf": Text("应恰好符合一种允许的形式", "should have exactly one of the forms that are allowed"),
}
_COMPARED_ONE_BY_ONE: Final = 200
_UNCHECKABLE: Final = (
    jsonschema.exceptions.SchemaError,
    jsonschema.exceptions.UnknownType,
    referencing.exceptions.Unresolvable,
    RecursionError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
)


class SchemaProblem(NamedTuple):
    """What is wrong with a value: where (`tasks.0.id`, or `-` for the whole) and why."""

    place: str
    reason: Text


class _TooMuchWorkError(Exception):
    """The check has no end in sight."""


_work_left: ContextVar[int] = ContextVar("schema_check_work_left")


def first_problem(schema: dict[str, Any], value: Any) -> SchemaProblem | None:
    """The most telling way in which a value breaks its schema, or None; one that takes too long to check is one too.

    A schema that is broken itself passes everything: the server it came from checks for itself.
    """
    _work_left.set(_WORK)
    try:
        # An empty registry: a `$ref` to an address must never be fetched.
        validator = _validator_class(schema, registry=cast("Any", referencing.Registry)())
        error = _best_match(validator.iter_errors(value))
    except _TooMuchWorkError:
        return SchemaProblem("-", Text("过大，无法检查", "too large to be checked"))
    except _UNCHECKABLE:
        return None
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path) or "-"
    return SchemaProblem(place, _reason_of(str(error.validator), error.validator_value))


def _reason_of(keyword: str, wanted: Any) -> Text:
    """What a keyword asks for, in our own words: those of the library repeat the value."""
    if keyword in _NAMED_NAMES:
        wanted = ", ".join(map(str, cast("list[Any]", wanted))) if isinstance(wanted, list) else wanted
    elif keyword == "enum" and isinstance(wanted, list):
        wanted = ", ".join(dumps_text(each) for each in cast("list[Any]", wanted))
    shown = wanted if isinstance(wanted, (str, int, float)) and not isinstance(wanted, bool) else dumps_text(wanted)
    return _REASONS.get(keyword, _OTHERWISE).fill(wanted=cut(str(shown), _REASON_CHARACTERS))


def _unlike() -> Exception:
    """What a check of ours finds; its words are those of its keyword."""
    return jsonschema.exceptions.ValidationError("")


def _linear_pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    """`pattern` by an engine of linear time. What that engine cannot read, or only slowly, passes."""
    if not isinstance(instance, str) or not isinstance(pattern, str):
        return
    try:
        compiled = LinearPattern(pattern)
    except PatternError:
        return
    if compiled.is_affordable(len(instance)) and compiled.search(instance) is None:
        yield _unlike()


def _required(validator: Any, names: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    # The stock check takes a text for the names of its letters.
    known = [name for name in cast("list[Any]", names) if isinstance(name, str)] if isinstance(names, list) else []
    yield from _stock["required"](validator, known, instance, schema) or ()


def _unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    # The stock check compares each with each.
    if not wanted or not isinstance(instance, list):
        return
    items = cast("list[Any]", instance)
    if len(items) <= _COMPARED_ONE_BY_ONE:
        yield from _stock_unique(validator, wanted, items, schema) or ()
    elif len({dumps_text(item) for item in items}) < len(items):
        yield _unlike()


def _counted(check: Callable[..., Any]) -> Callable[..., Any]:
    """A keyword that takes its part of the work there is."""

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _work_left.get() - _WORK_OF_A_KEYWORD - _size(value) - _size(instance)
        if left < 0:
            raise _TooMuchWorkError
        _work_left.set(left)
        return check(validator, value, instance, schema)

    return counted


def _size(value: Any) -> int:
    return len(cast("Any", value)) if isinstance(value, (list, dict)) else 0


def _unchecked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    return iter(())


def _additional(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Exception]:
    # With patternProperties the stock check would run those patterns with a backtracking engine.
    return iter(()) if "patternProperties" in schema else _stock_additional(validator, value, instance, schema)


_stock: Final[dict[str, Callable[..., Any]]] = dict(cast("Any", jsonschema.Draft202012Validator).VALIDATORS)
_stock_additional: Final = _stock["additionalProperties"]
_stock_unique: Final = _stock["uniqueItems"]
_best_match: Final = cast("Any", jsonschema.exceptions.best_match)  # pyright: ignore[reportUnknownMemberType]
_validator_class: Final = cast("Any", jsonschema.validators.extend)(  # pyright: ignore[reportUnknownMemberType]
    jsonschema.Draft202012Validator,
    {
        keyword: _counted(check)
        for keyword, check in {
            **_stock,
            "required": _required,
            "pattern": _linear_pattern,
            "patternProperties": _unchecked,
            "unevaluatedProperties": _unchecked,
            "additionalProperties": _additional,
            "uniqueItems": _unique,
        }.items()
    },
)
