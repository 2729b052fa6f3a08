"""Where raw values come from: the real environment, then `.env`, each also as `<NAME>_FILE`."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, NamedTuple

from dotenv import dotenv_values

PREFIX = "CLARY_"
FILE_SUFFIX = "_FILE"
MAX_FILE_BYTES = 1024 * 1024

Source = Literal["default", "environment", ".env", "file"]


class SettingsError(Exception):
    """One line for the person who starts the server: `CLARY_X: <reason>`. Never holds the value."""

    def __init__(self, variable: str, reason: str) -> None:
        self.variable = variable
        self.reason = " ".join(reason.split())
        super().__init__(f"{variable}: {self.reason}")


class Given(NamedTuple):
    """One variable that somebody set."""

    text: str
    source: Source


def variable_of(field: str) -> str:
    """The variable of a field: `data_dir` is `CLARY_DATA_DIR`."""
    return PREFIX + field.upper()


def process_layers() -> list[tuple[Source, dict[str, str]]]:
    """The real environment and `.env` of the working directory, strongest first."""
    dotenv = {
        name: value for name, value in dotenv_values(Path(".env"), interpolate=False).items() if value is not None
    }
    return [("environment", dict(os.environ)), (".env", dotenv)]


def given_values(fields: Iterable[str], layers: list[tuple[Source, dict[str, str]]]) -> dict[str, Given]:
    """Field name → what was set for it. The first layer that names a variable wins, in either spelling.

    Raises:
        SettingsError: a variable and its `_FILE` twin in one layer, or a file that cannot be read.
    """
    found: dict[str, Given] = {}
    for field in fields:
        variable = variable_of(field)
        for source, layer in layers:
            given = _in_layer(variable, source, layer)
            if given is not None:
                found[field] = given
                break
    return found


def _in_layer(variable: str, source: Source, layer: Mapping[str, str]) -> Given | None:
    text, path = layer.get(variable), layer.get(variable + FILE_SUFFIX)
    if text is not None and path is not None:
        raise SettingsError(variable, f"is given together with {variable}{FILE_SUFFIX}; keep one of them")
    if text is not None:
        return Given(text, source)
    if path:
        return Given(_file_text(variable + FILE_SUFFIX, path), "file")
    return None


def file_text(path: str) -> str:
    """The text of a value file without its last line break; at most 1 MiB.

    Raises:
        ValueError: it cannot be read, or is no UTF-8 text of that size.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ValueError("the file is larger than 1 MiB")
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror or 'unreadable'})") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


def _file_text(variable: str, path: str) -> str:
    try:
        return file_text(path)
    except ValueError as error:
        raise SettingsError(variable, str(error)) from None


def unknown_warnings(fields: Iterable[str], layers: list[tuple[Source, dict[str, str]]]) -> list[str]:
    """One line for each `CLARY_*` name that means nothing, with the nearest name that does."""
    known = {variable_of(field) for field in fields}
    stems = sorted(name.removeprefix(PREFIX) for name in known)
    names = {name for _, layer in layers for name in layer if name.startswith(PREFIX)}
    lines: list[str] = []
    for name in sorted(names):
        if name in known or name.removesuffix(FILE_SUFFIX) in known:
            continue
        # Without the prefix, which would make every name look alike.
        nearest = get_close_matches(name.removeprefix(PREFIX), stems, n=1, cutoff=0.0)
        hint = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else ""
        lines.append(f"{name}: unknown setting, ignored{hint}")
    return lines
