"""Scripts from a JSON file.

    {
      "default": {"say": "Hello."},
      "scripts": {
        "lamp": [
          {"call": [{"name": "switch", "arguments": {"on": true}}]},
          {"say": "It is on.", "pieces": 3, "delay_seconds": 0.05}
        ],
        "flaky": [{"attempts": [{"fault": "status", "status": 429, "headers": {"Retry-After": "1"}}, {"say": "Yes."}]}],
        "load": [{"paced": 100, "interval_seconds": 0.05, "text": "token "}]
      }
    }

A step is an object whose one of the keys `say`, `call`, `paced`, `raw`, `fault`, `attempts` says what it is and holds
its main value; its other keys are the fields of the class of that name in `script` (`Say`, `CallTools`, `Paced`,
`Raw`, `Fault`, `Attempts`). `raw` is a list of texts. Unknown keys are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from clary.adapters.scripted_provider.script import (
    Attempts,
    CallTools,
    Fault,
    Form,
    Paced,
    Raw,
    Say,
    Step,
    Tokens,
)

MAIN_FIELDS: Final[Mapping[str, tuple[type, str]]] = {
    "say": (Say, "text"),
    "call": (CallTools, "calls"),
    "paced": (Paced, "chunks"),
    "raw": (Raw, "pieces"),
    "fault": (Fault, "kind"),
    "attempts": (Attempts, "steps"),
}
"""Key of a step in a file: its class, and the field that the key's value goes to."""
_NESTED: Final[Mapping[str, type]] = {"usage": Tokens, "form": Form}


class ScriptFileError(ValueError):
    """The file holds no script; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Script:
    """The contents of a file; `default` None leaves the provider's own default answer."""

    scripts: dict[str, tuple[Step, ...]]
    default: Step | None = None


def load_script(path: Path) -> Script:
    """Reads a file.

    Raises:
        ScriptFileError: it holds no script.
        OSError: it cannot be read.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ScriptFileError(f"not JSON: {error}") from None
    return read_script(value)


def read_script(value: Any) -> Script:
    """Reads the parsed contents of a file.

    Raises:
        ScriptFileError: they are no script.
    """
    top = _object(value, "the file")
    _refuse_unknown(top, {"default", "scripts"}, "the file")
    scripts: dict[str, tuple[Step, ...]] = {}
    for name, steps in _object(top.get("scripts", {}), "scripts").items():
        if not isinstance(steps, list) or not steps:
            raise ScriptFileError(f"scripts.{name}: not a list of steps")
        listed = cast("list[Any]", steps)
        scripts[name] = tuple(_read_step(step, f"scripts.{name}[{n}]") for n, step in enumerate(listed))
    default = top.get("default")
    return Script(scripts, None if default is None else _read_step(default, "default"))


def _read_step(value: Any, where: str) -> Step:
    step = _object(value, where)
    keys = [key for key in step if key in MAIN_FIELDS]
    if len(keys) != 1:
        raise ScriptFileError(f"{where}: needs exactly one of {', '.join(MAIN_FIELDS)}")
    made, main = MAIN_FIELDS[keys[0]]
    given = {main if key == keys[0] else key: each for key, each in step.items()}
    _refuse_unknown(given, {each.name for each in fields(made)}, where)
    for key, nested in _NESTED.items():
        if isinstance(given.get(key), dict):
            _refuse_unknown(given[key], {each.name for each in fields(nested)}, f"{where}.{key}")
    if made is Attempts:
        return _read_attempts(given["steps"], where)
    adapter: TypeAdapter[Any] = TypeAdapter(made)
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise ScriptFileError(f"{place}: {first['msg']}") from None


def _read_attempts(value: Any, where: str) -> Attempts:
    steps = cast("list[Any]", value) if isinstance(value, list) else []
    if not steps or any(isinstance(each, dict) and "attempts" in each for each in steps):
        raise ScriptFileError(f"{where}: attempts are a list of other steps")
    return Attempts([_read_step(each, f"{where}.attempts[{n}]") for n, each in enumerate(steps)])


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScriptFileError(f"{where}: not an object")
    return cast("dict[str, Any]", value)


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ScriptFileError(f"{where}: unknown {', '.join(unknown)}")
