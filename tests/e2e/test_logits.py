"""braid logits writes the logits that transformers computes, in NumPy's format."""

import array
import ast
import json
import struct

import pytest
from conftest import MODELS


def read_npy(path):
    """The shape and the float32 values of a C-ordered little-endian .npy file (numpy's NEP 1)."""
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY"
    size_format, begin = ("<H", 10) if data[6] == 1 else ("<I", 12)
    header_bytes = struct.unpack_from(size_format, data, 8)[0]
    header = ast.literal_eval(data[begin:begin + header_bytes].decode("latin1"))
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    assert (begin + header_bytes) % 16 == 0
    values = array.array("f", data[begin + header_bytes:])
    rows, cols = header["shape"]
    assert len(values) == rows * cols
    return header["shape"], values


@pytest.mark.parametrize("name", ["gguf_qwen3", "gguf_mixtral"])
def test_logits_are_those_of_transformers(braid, name, tmp_path):
    folder = MODELS / name
    fixture = json.loads((folder / "fixture.json").read_text())
    vocab = fixture["vocab"]
    expected = array.array("f", (folder / "logits.f32").read_bytes())
    largest = max(map(abs, expected))
    at = 0
    for prompt in fixture["prompts"]:
        out = tmp_path / "logits.npy"
        braid.ok("logits", "--model-path", folder / "model.gguf", "--dtype", "float32", "--input-ids",
                 ",".join(map(str, prompt["ids"])), "--output", out)
        shape, values = read_npy(out)
        assert shape == (len(prompt["ids"]), vocab)
        for row in prompt["rows"]:
            difference = max(abs(a - b) for a, b in
                             zip(values[row * vocab:(row + 1) * vocab], expected[at:at + vocab]))
            assert difference <= 2e-4 * largest
            at += vocab
