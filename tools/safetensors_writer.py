"""Writes a safetensors file one tensor at a time, so that a checkpoint need not fit in memory."""

import json
import struct

DTYPE_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1, "I32": 4, "I64": 8}


def write_safetensors(path, tensors, make):
    """`tensors`: [(name, dtype, shape)]; `make(name)` returns a tensor's bytes-like data, or an iterable of pieces."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, dtype, shape in tensors:
        size = DTYPE_BYTES[dtype]
        for dim in shape:
            size *= dim
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)))
        out.write(text)
        start = out.tell()
        for name, _, _ in tensors:
            data = make(name)
            for piece in data if hasattr(data, "__next__") else [data]:
                out.write(memoryview(piece).cast("B"))
            if out.tell() - start != header[name]["data_offsets"][1]:
                raise ValueError(f"{name}: its data has another size than its shape says")
    return offset
