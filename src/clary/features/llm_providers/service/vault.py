"""Keys at rest: sealed for their row, opened only to be used or masked."""

from clary.features.llm_providers.policy import MASK_MARK
from clary.features.llm_providers.tables import LlmProviderRow
from clary.kit.crypto import DecryptionError, SecretBox
from clary.kit.text import mask_secret


class KeyVault:
    """Seals and opens the keys of provider rows."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, key: str, *, provider_id: str) -> str:
        """The form in which the row of this provider keeps a key."""
        return self._box.seal(key, place=_place(provider_id))

    def open(self, row: LlmProviderRow) -> str:
        """The key of a row.

        Raises:
            DecryptionError: the row was sealed with a key this server does not have.
        """
        return self._box.open(row.sealed_key, place=_place(row.id))

    def mask(self, row: LlmProviderRow) -> str:
        """What may be shown of the key. A key that can no longer be opened still has a list to appear in."""
        try:
            return mask_secret(self.open(row))
        except DecryptionError:
            return MASK_MARK


def _place(provider_id: str) -> str:
    return f"llm_providers.sealed_key:{provider_id}"
