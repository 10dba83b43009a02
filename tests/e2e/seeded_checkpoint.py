"""A fixture's checkpoint as a Hugging Face directory, with a tokenizer: tools/seeded_weights.py without numpy."""

import json
import pathlib
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from safetensors_writer import write_safetensors  # noqa: E402
from train_byte_bpe import SPECIALS, write_tokenizer  # noqa: E402

MASK = 0xFFFFFFFFFFFFFFFF


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


UNIT = float32(1.0 / 37837.2)


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def stored_values(seed, tensor):
    """The tensor's bytes in bfloat16. (In doubles: the product of two floats is exact, so each step rounds once.)"""
    key = 0xCBF29CE484222325
    for byte in tensor["name"].encode():
        key = ((key ^ byte) * 0x100000001B3) & MASK
    key ^= mix(seed)
    count, out = 1, bytearray()
    for dim in tensor["shape"]:
        count *= dim
    scale, offset = tensor["scale"], tensor["offset"]
    for i in range(1, count + 1):
        z = mix((key + i * 0x9E3779B97F4A7C15) & MASK)
        s = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48) - 131070
        bits = struct.unpack("<I", struct.pack("<f", float32(float32(s * UNIT) * scale) + offset))[0]
        out += ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).to_bytes(2, "little")
    return bytes(out)


def write_checkpoint(fixture_folder, folder):
    fixture = json.loads((fixture_folder / "fixture.json").read_text())
    assert fixture["stored"] == "BF16"
    tensors = {tensor["name"]: tensor for tensor in fixture["tensors"]}
    shutil.copy(fixture_folder / "config.json", folder)
    write_tokenizer(folder, fixture["vocab"], num_merges=fixture["vocab"] - 256 - len(SPECIALS))
    write_safetensors(folder / "model.safetensors", [(n, "BF16", t["shape"]) for n, t in tensors.items()],
                      lambda name: stored_values(fixture["seed"], tensors[name]))
