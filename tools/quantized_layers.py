"""The tensors of one quantized linear layer, in each format that braid reads, and the matrix that they mean.

A tensor is described as in fixture.json (tests/fixtures/models/README.md): its values come from the seed, or are listed.
The formulas are those of the formats' definitions, on float32.
"""

import numpy as np

from seeded_weights import seeded_bytes, seeded_values, to_stored

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32)
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
ELEMENT_BYTES = {"I32": 4, "I64": 8, "U8": 1, "I8": 1, "F8_E4M3": 1}


def e4m3(codes):
    """float32 values of E4M3 bytes, none of them NaN."""
    magnitude = (codes & 0x7F).astype(np.int32)
    exponent, mantissa = magnitude >> 3, magnitude & 7
    value = np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0 ** (exponent - 10.0))
    return np.where(codes & 0x80, -value, value).astype(np.float32)


def array_of(seed, tensor):
    """The tensor's array as stored; words as uint32, bytes as uint8 or int8."""
    name, shape, dtype = tensor["name"], tensor["shape"], tensor.get("dtype", "U8")
    if "values" in tensor:
        return np.array(tensor["values"], dtype="<i8" if dtype == "I64" else "<i4").reshape(shape)
    if "bytes" in tensor:
        size = ELEMENT_BYTES[dtype]
        low, high = tensor["bytes"]
        raw = seeded_bytes(seed, name, [*shape, size], low, high, tensor.get("signed", False))
        return raw.reshape(-1).view({4: "<u4", 1: "u1"}[size]).reshape(shape)
    return to_stored(seeded_values(seed, name, shape, tensor["scale"], tensor["offset"]), dtype)


def floats_of(stored, dtype):
    if dtype == "BF16":
        return (np.ascontiguousarray(stored).astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)


def unpack(words, bits):
    """[..., w] words as [..., w * 32 / bits] codes, the first in the lowest bits."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    return ((words[..., None] >> shifts) & np.uint32(2**bits - 1)).reshape(*words.shape[:-1], -1).astype(np.int32)


def unpack_awq(words):
    codes = unpack(words, 4).reshape(*words.shape, 8)
    out = np.empty_like(codes)
    out[..., AWQ_ORDER] = codes
    return out.reshape(*words.shape[:-1], -1)


def shuffled_groups(seed, k, group):
    index = np.arange(k) // group
    np.random.default_rng(seed).shuffle(index)
    return index


class Layer:
    """A layer `name` of [n, k], whose values have this standard deviation."""

    def __init__(self, name, n, k, deviation, stored):
        self.name, self.n, self.k, self.deviation, self.stored = name, n, k, deviation, stored
        self.tensors = []

    def add(self, part, shape, **rest):
        self.tensors.append({"name": f"{self.name}.{part}", "shape": [int(s) for s in shape], **rest})

    def add_scales(self, part, shape, deviation_of_codes, dtype):
        around = float(np.float32(self.deviation / deviation_of_codes))
        self.add(part, shape, dtype=dtype, scale=float(np.float32(0.2 * around)), offset=around)

    def get(self, seed, part):
        tensor = next((t for t in self.tensors if t["name"] == f"{self.name}.{part}"), None)
        return None if tensor is None else array_of(seed, tensor)

    def scales(self, seed, part):
        tensor = next(t for t in self.tensors if t["name"] == f"{self.name}.{part}")
        return floats_of(array_of(seed, tensor), tensor["dtype"])


class Gptq(Layer):
    def describe(self, bits, group, is_symmetric, is_second, act_order_seed):
        self.bits, self.is_second = bits, is_second
        group = self.k if group == -1 else group
        groups, of_word = -(-self.k // group), 32 // bits
        self.add("qweight", [self.k // of_word, self.n], dtype="I32", bytes=[0, 255])
        middle = 2 ** (bits - 1) - (0 if is_second else 1)
        byte = middle * 0x11 if bits == 4 else middle
        # Zero points near the middle, so that the matrix's mean is near 0.
        around = [byte, byte] if is_symmetric else [0x66, 0x99] if bits == 4 else [110, 146]
        self.add("qzeros", [groups, -(-self.n // of_word)], dtype="I32", bytes=around)
        self.add_scales("scales", [groups, self.n], 2.0**bits / 3.4, "F16")
        index = np.arange(self.k) // group if act_order_seed is None else shuffled_groups(act_order_seed, self.k, group)
        self.add("g_idx", [self.k], dtype="I32", values=[int(i) for i in index])
        return self

    def matrix(self, seed):
        codes = unpack(self.get(seed, "qweight").T, self.bits)  # [n, k]
        words = self.get(seed, "qzeros")
        # A sum of words, as GPTQModel adds it: it undoes what its subtraction borrowed.
        words = words if self.is_second else words + np.uint32(0xFFFFFFFF // (2**self.bits - 1))
        zeros = unpack(words, self.bits)[:, : self.n]
        index = self.get(seed, "g_idx")
        return self.scales(seed, "scales")[index].T * (codes - zeros[index].T).astype(np.float32)


class Awq(Layer):
    def describe(self, group, has_zeros=True):
        self.group = group
        groups = self.k // group
        self.add("qweight", [self.k, self.n // 8], dtype="I32", bytes=[0, 255])
        if has_zeros:
            self.add("qzeros", [groups, self.n // 8], dtype="I32", bytes=[0x66, 0x99])
        self.add_scales("scales", [groups, self.n], 4.9, "F16")
        return self

    def matrix(self, seed):
        index = np.arange(self.k) // self.group
        codes, words = unpack_awq(self.get(seed, "qweight")), self.get(seed, "qzeros")
        zeros = np.full((index[-1] + 1, self.n), 8) if words is None else unpack_awq(words)
        return (self.scales(seed, "scales")[index] * (codes - zeros[index]).astype(np.float32)).T


def marlin_orders():
    """The places of the 1024 codes of a tile of 16 inputs and 64 outputs, and of a group's scales by 64."""
    codes = []
    for i in range(32):
        eight = [16 * (2 * (i % 4) + row) + i // 4 + 8 * block for block in (0, 1) for row in (0, 1, 8, 9)]
        codes += [eight[at] + 256 * j for j in range(4) for at in AWQ_ORDER]
    return codes, [i + 8 * j for i in range(8) for j in range(8)]


class AwqMarlin(Layer):
    def describe(self, group):
        self.group = group
        self.add("qweight", [self.k // 16, self.n * 2], dtype="I32", bytes=[0, 255])
        self.add_scales("scales", [self.k // group, self.n], 4.9, "F16")
        return self

    def matrix(self, seed):
        order, scale_order = marlin_orders()
        stored = unpack(self.get(seed, "qweight"), 4).reshape(-1, 1024)
        codes = np.empty_like(stored)
        codes[:, order] = stored
        # [inputs / 16, outputs / 16, 16 inputs, 16 outputs]
        codes = codes.reshape(self.k // 16, self.n // 16, 16, 16).transpose(0, 2, 1, 3).reshape(self.k, self.n)
        stored = self.scales(seed, "scales")
        if self.k == self.group:
            scale_order = [2 * i + j for i in range(4) for j in (0, 1, 8, 9, 16, 17, 24, 25)]
        scales = np.empty_like(stored).reshape(-1, len(scale_order))
        scales[:, scale_order] = stored.reshape(-1, len(scale_order))
        scales = scales.reshape(stored.shape).repeat(self.group, 0)
        return (scales * (codes - 8).astype(np.float32)).T


class PackQuantized(Layer):
    def describe(self, bits, group, is_symmetric):
        self.bits, self.group, self.is_symmetric = bits, self.k if group is None else group, is_symmetric
        groups, of_word = self.k // self.group, 32 // bits
        self.add("weight_packed", [self.n, -(-self.k // of_word)], dtype="I32", bytes=[0, 255])
        self.add_scales("weight_scale", [self.n, groups], 2.0**bits / 3.4, self.stored)
        self.add("weight_shape", [2], dtype="I64", values=[self.n, self.k])
        if not is_symmetric:
            self.add("weight_zero_point", [-(-self.n // of_word), groups], dtype="I32",
                     bytes=[0x66, 0x99] if bits == 4 else [110, 146])
        return self

    def matrix(self, seed):
        codes = unpack(self.get(seed, "weight_packed"), self.bits)[:, : self.k]
        index = np.arange(self.k) // self.group
        zeros = np.full((self.n, self.k), 2 ** (self.bits - 1))
        if not self.is_symmetric:
            zeros = unpack(self.get(seed, "weight_zero_point").T, self.bits).T[: self.n][:, index]
        return self.scales(seed, "weight_scale")[:, index] * (codes - zeros).astype(np.float32)


class Int8(Layer):
    def describe(self):
        self.add("weight", [self.n, self.k], dtype="I8", bytes=[0, 255])
        self.add_scales("weight_scale", [self.n, 1], 74, self.stored)
        return self

    def matrix(self, seed):
        return self.scales(seed, "weight_scale") * self.get(seed, "weight").view(np.int8).astype(np.float32)


class Float8(Layer):
    def describe(self, scale, block=None, scale_dtype="F32", shape=None):
        self.scale, self.block = scale, block
        self.add("weight", [self.n, self.k], dtype="F8_E4M3", bytes=[0x20, 0x4B], signed=True)
        shape = [-(-self.n // block[0]), -(-self.k // block[1])] if block else shape
        self.add_scales(scale, shape, 2.0, scale_dtype)
        return self

    def matrix(self, seed):
        scales = self.scales(seed, self.scale)
        if self.block:
            scales = scales.repeat(self.block[0], 0)[: self.n].repeat(self.block[1], 1)[:, : self.k]
        return scales * e4m3(self.get(seed, "weight"))


class Mxfp4(Layer):
    def describe(self):
        exponent = int(round(np.log2(self.deviation / 2.9))) + 127
        self.add("weight_packed", [self.n, self.k // 2], dtype="U8", bytes=[0, 255])
        self.add("weight_scale", [self.n, self.k // 32], dtype="U8", bytes=[exponent - 1, exponent])
        return self

    def matrix(self, seed):
        pairs = self.get(seed, "weight_packed")
        codes = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(self.n, self.k)
        powers = np.float32(2.0) ** (self.get(seed, "weight_scale").astype(np.float32) - 127)
        return powers.repeat(32, 1) * E2M1[codes]
