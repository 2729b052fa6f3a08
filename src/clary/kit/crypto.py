"""Encryption at rest, token hashes."""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class DecryptionError(Exception):
    """The stored text was not sealed with a known key, or not for this place."""


class SecretBox:
    """AES-256-GCM with the place of the value as associated data, so a sealed value cannot be moved to another row.

    Sealed form: `v1:<key id>:<base64url of nonce + ciphertext>`.
    """

    def __init__(self, key: bytes, old_keys: tuple[bytes, ...] = ()) -> None:
        if any(len(each) != 32 for each in (key, *old_keys)):
            raise ValueError("keys must have 32 bytes")
        self._key_id = key_fingerprint(key)
        self._ciphers = {key_fingerprint(each): AESGCM(each) for each in (*old_keys, key)}
        self._mac_keys = tuple(hashlib.sha256(b"clary mac key:" + each).digest() for each in (key, *old_keys))

    @property
    def key_id(self) -> str:
        """Fingerprint of the key that seals."""
        return self._key_id

    @property
    def beginning(self) -> str:
        """How everything begins that was sealed with the present key."""
        return f"v1:{self._key_id}:"

    def seal(self, plain: str, *, place: str) -> str:
        """Encrypts a text for a place (`table.column:row id`)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[self._key_id].encrypt(nonce, plain.encode(), place.encode())
        return f"{self.beginning}{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, place: str) -> str:
        """Decrypts what `seal` made for the same place.

        Raises:
            DecryptionError: other key, other place, or damaged text.
        """
        version, _, rest = sealed.partition(":")
        key_id, _, body = rest.partition(":")
        cipher = self._ciphers.get(key_id)
        if version != "v1" or cipher is None:
            raise DecryptionError("sealed with an unknown key")
        try:
            raw = base64.urlsafe_b64decode(body)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise DecryptionError("damaged, or sealed for another place") from None

    def mac(self, text: str, *, place: str) -> str:
        """HMAC-SHA-256 hex of a short secret for a place: without the key a copy of it cannot be guessed."""
        return self.macs(text, place=place)[0]

    def macs(self, text: str, *, place: str) -> list[str]:
        """What `mac` gives, and gave under the old keys."""
        said = f"{place}\n{text}".encode()
        return [hmac.new(key, said, hashlib.sha256).hexdigest() for key in self._mac_keys]


def key_fingerprint(key: bytes) -> str:
    """Eight hex digits that name a key without revealing it."""
    return hashlib.sha256(b"clary key id:" + key).hexdigest()[:8]


def hash_token(token: str) -> str:
    """SHA-256 hex of a random token; fit for tokens of 256 random bits, not for passwords."""
    return hashlib.sha256(token.encode()).hexdigest()


def same_text(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how far."""
    return hmac.compare_digest(one.encode(), other.encode())
