#!/usr/bin/env python3
"""Writes src/braid/formats/testdata/blocks.gguf, one small matrix of every element type that braid reads, and blocks.f32,
the same matrices dequantized by the `gguf` package. Needs `numpy` and `gguf`.

A matrix's first row has quantized normal values where the package can quantize. The other rows are random blocks with
finite scales, so every nibble and sign occurs.
"""

import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS, COLS = 4, 512
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src/braid/formats/testdata"

# Where the half-precision scales lie in a block.
SCALE_OFFSETS = {Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
                 Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
                 Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.MXFP4: []}
PLAIN = (Type.F32, Type.F16, Type.BF16)
# The order of gguf_test.cc.
KINDS = (*PLAIN, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K,
         Type.Q6_K, Type.IQ4_NL, Type.IQ4_XS, Type.MXFP4)
# The types that the package can write.
QUANTIZED_BY_PACKAGE = (Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.MXFP4)


def random_blocks(generator, kind, count):
    _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for offset in SCALE_OFFSETS[kind]:
        scales = generator.integers(0, 0x7C00, count, dtype=np.uint16)  # every finite half-precision value, including denormals
        scales |= generator.integers(0, 2, count, dtype=np.uint16) << np.uint16(15)
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def main():
    generator = np.random.default_rng(20260)
    writer = gguf.GGUFWriter(FOLDER / "blocks.gguf", "llama")
    writer.add_string("test.string", "größe")
    writer.add_array("test.strings", ["a", "", "b c"])
    writer.add_array("test.floats", [0.5, -1.0])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_int8("test.int8", -5)
    writer.add_uint64("test.uint64", 2**64 - 1)
    writer.add_bool("test.bool", True)
    writer.add_float64("test.float64", 1e300)
    expected = []
    for kind in KINDS:
        values = generator.standard_normal((ROWS, COLS)).astype(np.float32)
        if kind in SCALE_OFFSETS:
            block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            data = random_blocks(generator, kind, ROWS * COLS // block).reshape(ROWS, -1)
            if kind in QUANTIZED_BY_PACKAGE:
                data[0] = gguf.quants.quantize(values[:1], kind)[0]
        else:
            data = gguf.quants.quantize(values, kind)
        writer.add_tensor(f"{kind.name.lower()}.weight", data, raw_dtype=kind)
        with np.errstate(over="ignore"):  # the largest exponent of MXFP4 times 12 is infinite
            expected.append(gguf.quants.dequantize(data, kind).astype("<f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    np.concatenate(expected).tofile(FOLDER / "blocks.f32")


if __name__ == "__main__":
    main()
