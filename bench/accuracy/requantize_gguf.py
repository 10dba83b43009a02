#!/usr/bin/env python3
"""Writes a GGUF file again with its matrices in another type, so that text_accuracy.py can compare types.

    bench/accuracy/requantize_gguf.py MODEL.gguf TYPE OUT.gguf

TYPE is one that the PyPI package gguf can make: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, F16 or BF16. The values are those of
MODEL's own types, so what MODEL has lost stays lost. Matrices whose rows the type does not divide keep theirs."""

import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type


def copy_fields(reader, writer):
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == gguf.Keys.General.ARCHITECTURE:
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=element)


def requantized(tensor, wanted):
    """Data and type of the tensor in the new file."""
    block = gguf.GGML_QUANT_SIZES[wanted][0]
    if len(tensor.shape) != 2 or int(tensor.shape[0]) % block != 0:
        return tensor.data, tensor.tensor_type
    floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    return gguf.quants.quantize(floats, wanted), wanted


def main():
    source, type_name, target = sys.argv[1:]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields[gguf.Keys.General.ARCHITECTURE].contents())
    copy_fields(reader, writer)
    for tensor in reader.tensors:
        data, stored = requantized(tensor, Type[type_name])
        writer.add_tensor(tensor.name, data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
