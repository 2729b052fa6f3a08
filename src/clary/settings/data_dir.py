"""The data directory and the key file in it, made at the first start (platform.md 13)."""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

from clary.kit.ids import new_hex
from clary.settings.environment import SettingsError
from clary.settings.model import Settings

KEY_BYTES = 32
KEY_FILE = "secret.key"


def prepare_data_dir(settings: Settings) -> None:
    """Makes the data directory, for its owner only.

    Raises:
        SettingsError: it cannot be made or written to.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("CLARY_DATA_DIR", f"cannot be made ({error.strerror})") from None
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise SettingsError("CLARY_DATA_DIR", "is not writable")


def has_secret_key(settings: Settings) -> bool:
    """Whether a key is given or was made."""
    return settings.key_bytes is not None or (settings.data_dir / KEY_FILE).exists()


def secret_key(settings: Settings) -> bytes:
    """The server's key: given, or in a file that only its owner may read, made at the first start.

    Raises:
        SettingsError: the file is there but cannot be used.
    """
    if settings.key_bytes is not None:
        return settings.key_bytes
    path = settings.data_dir / KEY_FILE
    try:
        if not path.exists():
            _make_key_file(path)
        key = base64.b64decode(path.read_text("ascii"), validate=True)
    except (OSError, ValueError):
        raise SettingsError("CLARY_SECRET_KEY", "secret.key in the data directory cannot be read") from None
    if len(key) != KEY_BYTES:
        raise SettingsError("CLARY_SECRET_KEY", "secret.key in the data directory is damaged")
    return key


def _make_key_file(path: Path) -> None:
    """Written aside and linked, so that of two first starts one wins and nobody reads half a key."""
    draft = path.with_name(f"{path.name}.{new_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
