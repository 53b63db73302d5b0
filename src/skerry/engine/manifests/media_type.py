"""The media type of a file that becomes part of an artifact: by its name, else by its first bytes."""

from __future__ import annotations

# What Go's net/http tells apart, as far as files of artifacts go (the WHATWG's MIME sniffing).
_MAGIC = (
    (b"%PDF-", "application/pdf"), (b"%!PS-Adobe-", "application/postscript"), (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"), (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"), (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"BM", "image/bmp"),
    (b"\0asm", "application/wasm"), (b"OggS\0", "application/ogg"), (b"ID3", "audio/mpeg"),
    (b"<?xml", "text/xml"), (b"<!DOCTYPE HTML", "text/html"), (b"<HTML", "text/html"),
)  # fmt: skip
# What marks bytes as no text.
_BINARY = frozenset([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


def media_type_of(name: str, head: bytes) -> str:
    """``head``: the first 512 bytes."""
    if "." in name:
        from mimetypes import guess_type

        by_name, encoding = guess_type("x." + name.rpartition(".")[2], strict=True)
        if by_name and not encoding:
            return by_name
    start = head.lstrip(b"\t\n\x0c\r ")
    for magic, kind in _MAGIC:
        data = start if kind.startswith("text/") else head
        if data[: len(magic)].upper() == magic.upper() if kind == "text/html" else data.startswith(magic):
            return kind
    if head.startswith(_MARKS) or not _BINARY.intersection(head):
        return "text/plain"
    return "application/octet-stream"
