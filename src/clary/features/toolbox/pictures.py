"""Pictures as bytes: from a workspace, an upload, the web behind the guard, or out of the address itself."""

import asyncio
import base64
import binascii
import re
from pathlib import Path
from typing import Final, NamedTuple

from clary.errors import ProblemError
from clary.features.toolbox.ports import NoUploads, PageError, Pages, UploadedFiles
from clary.features.toolbox.workspace_files import refusals_in
from clary.kit import safe_paths
from clary.kit.image_facts import image_facts
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import Language, words

MAX_IMAGE_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
_DATA: Final = re.compile(r"data:image/[a-z.+-]{1,20};base64,", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_NOT_AN_IMAGE: Final = Text(
    "不是支持的图片（PNG、JPEG、GIF、WebP）", "Not an image of a supported kind (PNG, JPEG, GIF, WebP)"
)
_TOO_LARGE: Final = Text(
    "图片过大，上限 10 MB、5000 万像素", "The image is too large; the limits are 10 MB and 50 million pixels"
)
_BAD_ADDRESS: Final = Text("图片地址必须是 https", "The address of an image must be https")
_STATUS: Final = Text("服务器返回状态 {status}", "The server answered with status {status}")


class Picture(NamedTuple):
    """A picture of a kind that models take. `address` is a `data:` address that holds it."""

    media_type: str
    address: str


class Pictures:
    """See the module. Nobody but the server fetches an address that a person or a model names."""

    def __init__(self, pages: Pages, uploads: UploadedFiles | None = None) -> None:
        self._pages = pages
        self._uploads = uploads or NoUploads()

    async def read(self, address: str, workspace: Path, language: Language, *, user_id: str = "") -> Picture:
        """The picture at a workspace path, an https or a `data:` address; at most 10 MiB and 50 million pixels.

        Uploads are read by the rights of `user_id` and never fetched.

        Raises:
            ToolFailedError: it is not there, may not be fetched, or is no such picture.
        """
        content = await self._content(address, workspace, language, user_id)
        facts = image_facts(content)
        if facts is None:
            raise ToolFailedError(words(_NOT_AN_IMAGE, language))
        if len(content) > MAX_IMAGE_BYTES or facts.width * facts.height > MAX_PIXELS:
            raise ToolFailedError(words(_TOO_LARGE, language))
        encoded = await asyncio.to_thread(base64.b64encode, content)
        return Picture(facts.media_type, f"data:{facts.media_type};base64,{encoded.decode('ascii')}")

    async def _content(self, address: str, workspace: Path, language: Language, user_id: str) -> bytes:
        if address[:5].lower() == "data:":
            return await asyncio.to_thread(_from_data, address, language)
        uploaded = await self._uploaded(address, language, user_id)
        if uploaded is not None:
            return uploaded
        if address.startswith("file://") or not _SCHEME.match(address):
            return await asyncio.to_thread(_from_workspace, address, workspace, language)
        if not address.lower().startswith("https://"):
            raise ToolFailedError(words(_BAD_ADDRESS, language), "INVALID_ARGUMENTS")
        try:
            page = await self._pages.fetch(address, https_only=True, max_bytes=MAX_IMAGE_BYTES)
        except PageError as problem:
            raise ToolFailedError(words(problem.message, language)) from None
        if page.http_status != 200:
            raise ToolFailedError(words(_STATUS.fill(status=page.http_status), language))
        return page.body

    async def _uploaded(self, address: str, language: Language, user_id: str) -> bytes | None:
        try:
            return await self._uploads.read_for(user_id=user_id, address=address, max_bytes=MAX_IMAGE_BYTES)
        except ProblemError as problem:
            raise ToolFailedError(words(problem.message, language)) from None


def _from_data(address: str, language: Language) -> bytes:
    begun = _DATA.match(address)
    if begun is None:
        raise ToolFailedError(words(_NOT_AN_IMAGE, language), "INVALID_ARGUMENTS")
    if len(address) > MAX_IMAGE_BYTES * 4 // 3 + 100:
        raise ToolFailedError(words(_TOO_LARGE, language))
    try:
        return base64.b64decode(address[begun.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ToolFailedError(words(_NOT_AN_IMAGE, language), "INVALID_ARGUMENTS") from None


def _from_workspace(path: str, workspace: Path, language: Language) -> bytes:
    with refusals_in(language, path):
        relative = safe_paths.locate(workspace, path)
        return safe_paths.read_bytes(workspace, relative, MAX_IMAGE_BYTES)
