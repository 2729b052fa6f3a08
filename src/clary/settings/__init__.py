"""The typed environment: every `CLARY_*` variable, its default and its limits (platform.md 13).

Read once, by `wiring` and `cli` only; everything else gets values handed over. A wrong value stops the start with one
line that names the variable and never shows the value.
"""

from clary.settings.environment import SettingsError
from clary.settings.loading import SourceLine, load_settings, setting_warnings, sources
from clary.settings.model import Settings
from clary.settings.secrecy import shown_address

__all__ = [
    "Settings",
    "SettingsError",
    "SourceLine",
    "load_settings",
    "setting_warnings",
    "shown_address",
    "sources",
]
