"""Weights from a seed: the same numbers here (numpy) and in C++ (tests/support/seeded_weights.h), bit for bit.

Element i of the tensor `name` depends on (seed, name, i) alone, so tensors can be made in any order and in parts:

    key    = mix(seed) xor fnv1a64(name)
    z      = mix(key + (i + 1) * 0x9E3779B97F4A7C15)          # splitmix64 (Steele et al., OOPSLA 2014) as a counter
    s      = the sum of z's four 16-bit parts, minus 131070   # nearly normal, standard deviation 37837.2
    value  = float32(s) * float32(1 / 37837.2) * scale + offset, each step rounded to float32

The value is then rounded to nearest even to the stored dtype. A tensor of bytes has low + (z / 2^32) mod
(high - low + 1), in integer arithmetic; if it is signed, bit 31 of z is its highest bit.
"""

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
UNIT = np.float32(1.0 / 37837.2)


def mix(z):
    """splitmix64's finalizer, on a uint64 array."""
    z = np.atleast_1d(np.asarray(z, dtype=np.uint64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


def tensor_key(seed, name):
    return mix(np.uint64(seed))[0] ^ fnv1a64(name)


def seeded_values(seed, name, shape, scale=1.0, offset=0.0):
    """The tensor as float32, before it is rounded to a stored dtype."""
    count = int(np.prod(shape))
    counter = np.arange(1, count + 1, dtype=np.uint64)
    z = mix(tensor_key(seed, name) + counter * GOLDEN)
    parts = z.view(np.uint16).reshape(count, 4).astype(np.int32)
    s = parts.sum(axis=1, dtype=np.int32) - 131070
    value = s.astype(np.float32) * UNIT
    value = value * np.float32(scale)
    value = value + np.float32(offset)
    return value.reshape(shape)


def seeded_bytes(seed, name, shape, low, high, is_signed=False):
    """The tensor as uint8, each within [low, high]; or with a random highest bit, too."""
    counter = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    z = mix(tensor_key(seed, name) + counter * GOLDEN)
    values = (np.uint64(low) + (z >> np.uint64(32)) % np.uint64(high - low + 1)).astype(np.uint8)
    if is_signed:
        values |= (((z >> np.uint64(31)) & np.uint64(1)) << np.uint64(7)).astype(np.uint8)
    return values.reshape(shape)


def round_to_bfloat16(values):
    """The upper halves (uint16) of float32 values, rounded to nearest even. No NaNs."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def to_stored(values, dtype):
    """Float32 values as the little-endian array that a safetensors file stores for "F32", "F16" or "BF16"."""
    if dtype == "F32":
        return values.astype("<f4")
    if dtype == "F16":
        return values.astype("<f2")
    if dtype == "BF16":
        return round_to_bfloat16(values).reshape(values.shape)
    raise ValueError(f"dtype {dtype}: known are F32, F16 and BF16")
