"""Prices and rates of currencies, as JSON in a variable or a file (platform.md 8.4, 13). Amounts are never floats."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError

from clary.features.llm_providers.payloads import PricesBody
from clary.http.budget import BudgetBody
from clary.settings.environment import file_text

NO_RATE = "no rate for its currency is in CLARY_CURRENCY_RATES"
_CODE = re.compile("[A-Z]{3}")


def read_json(text: str) -> Any:
    """The JSON of a text, or of the file that `@` and a path name.

    Raises:
        ValueError: it cannot be read, or is no JSON; the message never shows it.
    """
    if text.startswith("@"):
        text = file_text(text[1:])
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None


def _refuse(_constant: str) -> None:
    raise ValueError


def _as_json(value: Any) -> Any:
    return read_json(value) if isinstance(value, str) else value


def _prices(value: dict[str, Any]) -> dict[str, Any]:
    """The object of platform.md 8.4 as rows keep it.

    Raises:
        ValueError: names the first wrong field, never its value.
    """
    try:
        return PricesBody.model_validate(value).to_wire()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {first['msg'].removeprefix('Value error, ')}") from None


def _rates(value: dict[str, Any]) -> dict[str, Decimal]:
    rates: dict[str, Decimal] = {}
    for code, rate in value.items():
        if not _CODE.fullmatch(code):
            raise ValueError("every key must be a three-letter ISO code like CNY")
        if isinstance(rate, bool) or not isinstance(rate, (int, Decimal)) or rate <= 0:
            raise ValueError("every rate must be a number above 0")
        rates[code] = Decimal(rate)
    return rates


def read_price_file(path: Path, *, currencies: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Model or pattern with `*` → prices.

    Raises:
        ValueError: it cannot be read, an entry is wrong, or its currency is none of `currencies`.
    """
    entries = read_json(f"@{path}")
    if not isinstance(entries, dict):
        raise ValueError("must hold one JSON object")
    found: dict[str, dict[str, Any]] = {}
    for number, (pattern, entry) in enumerate(cast("Mapping[str, Any]", entries).items(), start=1):
        try:
            if not isinstance(entry, dict):
                raise ValueError("must be an object")
            found[pattern] = _prices(cast("dict[str, Any]", entry))
            if found[pattern]["currency"] not in currencies:
                raise ValueError(NO_RATE)
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
    return found


def _budgets(value: Any) -> dict[str, dict[str, Any]]:
    """Budgets of platform.md 14.3 by scope.

    Raises:
        ValueError: names the first wrong field, never its value.
    """
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")
    found: dict[str, dict[str, Any]] = {}
    for scope, budget in cast("Mapping[str, Any]", value).items():
        if scope not in ("server", "default_user"):
            raise ValueError("every key must be server or default_user")
        try:
            found[scope] = BudgetBody.model_validate(budget).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise ValueError(f"{'.'.join([scope, *map(str, first['loc'])])}: {first['msg']}") from None
    return found


BudgetsValue = Annotated[dict[str, Any], BeforeValidator(_budgets), BeforeValidator(_as_json)]
PricesValue = Annotated[dict[str, Any], BeforeValidator(_as_json), AfterValidator(_prices)]
RatesValue = Annotated[dict[str, Any], BeforeValidator(_as_json), AfterValidator(_rates)]


def _name_map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object of names")
    mapping = cast("dict[Any, Any]", value)
    if not all(isinstance(each, str) for pair in mapping.items() for each in pair):
        raise ValueError("must be a JSON object of names")
    return mapping


NameMap = Annotated[dict[str, str], BeforeValidator(_name_map), BeforeValidator(_as_json)]
SecretMap = Annotated[dict[str, SecretStr], BeforeValidator(_name_map), BeforeValidator(_as_json)]
