"""What a content is, and what a browser may show of it (platform.md 10.2, 10.3; 16.2 A32)."""

import pytest

from clary.features.files.policy import HEAD_BYTES, content_kind, is_shown

FTYP = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.html", "image/png"),
        (b"\xff\xd8\xff\xe0", "a", "image/jpeg"),
        (b"GIF89a", "a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a", "image/webp"),
        (FTYP + b"avif", "a", "image/avif"),
        (b"BM\x46\0\0\0\0\0\0\0" + bytes(20), "a", "image/bmp"),
        (b"ID3\x04", "a", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "a", "audio/mpeg"),
        (b"OggS\0", "a", "audio/ogg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a", "audio/wav"),
        (FTYP + b"M4A ", "a", "audio/mp4"),
        (b"fLaC\0", "a", "audio/flac"),
        (FTYP + b"isom", "a", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", "a", "video/webm"),
        (b"%PDF-1.7", "a", "application/pdf"),
        ("猫".encode() * 3000, "a.txt", "text/plain"),
        (("x" + "猫" * 3000).encode()[:HEAD_BYTES], "a", "text/plain"),
    ],
)
def test_these_are_known_by_their_content_and_shown_in_place(head: bytes, name: str, kind: str) -> None:
    assert (content_kind(head[:HEAD_BYTES], name), is_shown(kind)) == (kind, True)


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"<!DOCTYPE html><p>", "a.png", "text/html"),
        (b"\xef\xbb\xbf \n<script>alert(1)</script>", "a.txt", "text/html"),
        (b"<!-- x --><svg xmlns='x'>", "a.png", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg onload='x'>", "a.png", "image/svg+xml"),
        (b"<?xml version='1.0'?><x/>", "a", "text/xml"),
        (b"alert(1)", "a.js", "application/javascript"),
        (b"# Title", "a.md", "text/markdown"),
        (b"\x00\x01", "a.png", "application/octet-stream"),
        (b"", "a.png", "application/octet-stream"),
        (b"PK\x03\x04", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (FTYP + b"heic", "a.png", "image/heic"),
        (b"MZ\x90\0", "a.exe", "application/octet-stream"),
    ],
)
def test_these_are_saved(head: bytes, name: str, kind: str) -> None:
    found = content_kind(head, name)
    assert not is_shown(found)
    if kind != "application/octet-stream":
        assert found == kind


def test_a_script_that_is_called_a_picture_is_text() -> None:
    assert content_kind(b"alert(1)", "a.png") == "text/plain"
