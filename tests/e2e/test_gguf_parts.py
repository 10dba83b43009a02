"""A GGUF file in parts, as llama.cpp's gguf-split writes them, is the same model as the whole file."""

import pathlib
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from upcycle_moe import read_header, string_bytes  # noqa: E402

UINT16, INT32 = 2, 5


def split(source, folder, num_parts):
    """Writes NAME-0000i-of-0000n.gguf and returns the paths: the metadata in the first part, the tensors in order."""
    with open(source, "rb") as file:
        version, _, raw, num_keys, tensors, data, alignment = read_header(file)
        blocks = []
        for tensor in tensors:
            file.seek(data + tensor.offset)
            blocks.append(file.read(tensor.num_bytes()))
    paths = []
    share = -(-len(tensors) // num_parts)
    for part in range(num_parts):
        own = range(part * share, min((part + 1) * share, len(tensors)))
        keys = b"".join(string_bytes(key) + struct.pack(form, kind, value) for key, form, kind, value in (
            ("split.no", "<IH", UINT16, part), ("split.count", "<IH", UINT16, num_parts),
            ("split.tensors.count", "<Ii", INT32, len(tensors))))
        head = struct.pack("<4sIQQ", b"GGUF", version, len(own), 3 + (num_keys if part == 0 else 0))
        head += (raw if part == 0 else b"") + keys
        body = b""
        for i in own:
            tensor = tensors[i]
            head += string_bytes(tensor.name) + struct.pack(f"<I{len(tensor.dims)}QIQ", len(tensor.dims), *tensor.dims,
                                                            tensor.kind, len(body))
            body += blocks[i] + b"\0" * (-len(blocks[i]) % alignment)
        path = folder / f"model-{part + 1:05}-of-{num_parts:05}.gguf"
        path.write_bytes(head + b"\0" * (-len(head) % alignment) + body)
        paths.append(path)
    return paths


@pytest.mark.parametrize("num_parts", [2, 5])
def test_a_model_in_parts_gives_the_same_logits(braid, tiny_model, tmp_path, num_parts):
    first = split(tiny_model, tmp_path, num_parts)[0]
    logits = [tmp_path / "whole.npy", tmp_path / "parts.npy"]
    for model, out in zip((tiny_model, first), logits):
        braid.ok("logits", "--model-path", model, "--input-ids", "1,2,3,4", "--output", out)
    assert logits[0].read_bytes() == logits[1].read_bytes()
    report = braid.json("inspect", first, "--json")
    whole = braid.json("inspect", tiny_model, "--json")
    assert {k: v for k, v in report.items() if k != "path"} == {k: v for k, v in whole.items() if k != "path"}


def test_a_missing_part_and_a_later_one_are_named(braid, tiny_model, tmp_path):
    paths = split(tiny_model, tmp_path, 3)
    for command in (("generate", "--prompt", "a"), ("tokenize",)):
        message = braid.error(*command, "--model-path", paths[1])
        assert f"{paths[1].name}: is part 2 of 3: give the first, {paths[0].name}" in message
    paths[2].unlink()
    message = braid.error("generate", "--prompt", "a", "--model-path", paths[0])
    assert f"{paths[0].name}: part 3 of 3: cannot open {paths[2]}" in message
