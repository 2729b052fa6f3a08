"""Reading and judging the settings of this process."""

from typing import Any, NamedTuple

from pydantic import ValidationError

from clary.settings.environment import (
    PREFIX,
    SettingsError,
    Source,
    process_layers,
    unknown_warnings,
    variable_of,
)
from clary.settings.fields import read_given
from clary.settings.model import Settings
from clary.settings.rules import require_consistent
from clary.settings.secrecy import shown


class SourceLine(NamedTuple):
    """One setting as `clary doctor` shows it; a secret reads `set`."""

    variable: str
    source: Source
    shown: str


def load_settings(**values: Any) -> Settings:
    """The settings of this process; `values` win over variables.

    Raises:
        SettingsError: a value of a wrong type or range, or a combination that may not start.
    """
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise _first_fault(error) from None
    require_consistent(settings)
    return settings


def sources(settings: Settings) -> list[SourceLine]:
    """Every setting, where its value comes from, and the value; secrets read `set` (or nothing)."""
    given = read_given(type(settings))
    return [
        SourceLine(
            variable_of(name), given[name].source if name in given else "default", shown(getattr(settings, name))
        )
        for name in type(settings).model_fields
    ]


def setting_warnings(settings: Settings) -> list[str]:
    """One line for each unknown `CLARY_*` name, and for what can start but is hardly meant."""
    warnings = unknown_warnings(Settings.model_fields, process_layers())
    if settings.auth_mode == "trusted_proxy" and not settings.trusted_identity_proxy_ips:
        warnings.append("CLARY_TRUSTED_IDENTITY_PROXY_IPS: is empty, so that no proxy is trusted")
    return warnings


def _first_fault(error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    variable = variable_of(str(first["loc"][0])) if first["loc"] else PREFIX
    return SettingsError(variable, first["msg"].removeprefix("Value error, "))
