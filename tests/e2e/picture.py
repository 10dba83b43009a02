"""PNG files made by hand, and what stands in requests for them."""

import base64
import struct
import zlib


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, colour, rows=None):
    """One colour everywhere. `rows`: compressed pixels of another size than the header says."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    if rows is None:
        rows = zlib.compress((b"\0" + bytes(colour) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def data_url(content, kind=None):
    if kind is None:
        kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def image_part(url):
    return {"type": "image_url", "image_url": {"url": url}}


def video_part(frames, **more):
    """Of frames as bytes."""
    return {"type": "video", "video": [data_url(frame) for frame in frames], **more}


def text_part(text):
    return {"type": "text", "text": text}


def message(*parts):
    """A user's, in the order of the parts: bytes and URLs are images."""
    def content(part):
        if isinstance(part, bytes):
            return image_part(data_url(part))
        return part if isinstance(part, dict) else text_part(part)
    return [{"role": "user", "content": [content(part) for part in parts]}]
