#!/usr/bin/env python3
"""Turns a dense GGUF model of the llama architecture into a mixture of experts with the same output.

Each expert is a copy of the dense feed-forward's quantized blocks (Komatsuzaki et al., "Sparse Upcycling", arXiv
2212.05055), the router has small random weights. Mixtral's weights of the chosen experts sum to 1, so the layer's
output is the dense one's whatever the router picks: greedy text is the same, and routing is real.

    tools/upcycle_moe.py DENSE.gguf MOE.gguf [--experts 8] [--experts-per-token 2] [--seed 1]

Needs only Python's standard library. The output file gets its name only when it is complete.
"""

import argparse
import os
import pathlib
import random
import struct
import sys

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
UINT32, STRING, ARRAY = 4, 8, 9
F32 = 0
# (elements, bytes) of a block of each ggml type
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
          11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 30: (1, 2)}
FEED_FORWARD = ("ffn_gate", "ffn_up", "ffn_down")


class Broken(Exception):
    """The input is not a GGUF file that can be up-cycled; the message says why."""


class Reader:
    def __init__(self, file):
        self.file = file

    def take(self, count):
        data = self.file.read(count)
        if len(data) != count:
            raise Broken("the file ends early")
        return data

    def scalar(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def string(self):
        size = self.scalar("Q")
        if size > 1 << 24:
            raise Broken(f"a string of {size} bytes")
        return self.take(size)

    def value(self, kind):
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        if kind == STRING:
            return self.string().decode("utf-8", "surrogateescape")
        if kind == ARRAY:
            element, count = self.scalar("I"), self.scalar("Q")
            return [self.value(element) for _ in range(count)]
        raise Broken(f"a metadata value of unknown type {kind}")


class Tensor:
    def __init__(self, name, dims, kind, offset):
        self.name, self.dims, self.kind, self.offset = name, dims, kind, offset

    def num_bytes(self):
        if self.kind not in BLOCKS:
            raise Broken(f"tensor {self.name} has unknown type {self.kind}")
        elements, size = BLOCKS[self.kind]
        count = 1
        for dim in self.dims:
            count *= dim
        return count // elements * size


def string_bytes(text):
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def read_header(file):
    """(version, {key: value}, the metadata's bytes, number of keys, tensors, where the data begins, alignment)"""
    reader = Reader(file)
    if reader.take(4) != b"GGUF":
        raise Broken("it does not begin with GGUF")
    version, num_tensors, num_keys = reader.scalar("I"), reader.scalar("Q"), reader.scalar("Q")
    if version not in (2, 3):
        raise Broken(f"version {version}; 2 and 3 are known")
    begin, metadata = file.tell(), {}
    for _ in range(num_keys):
        key = reader.string().decode()
        metadata[key] = reader.value(reader.scalar("I"))
    end = file.tell()
    file.seek(begin)
    raw = reader.take(end - begin)
    tensors = []
    for _ in range(num_tensors):
        name = reader.string().decode()
        dims = [reader.scalar("Q") for _ in range(reader.scalar("I"))]
        tensors.append(Tensor(name, dims, reader.scalar("I"), reader.scalar("Q")))
    alignment = metadata.get("general.alignment", 32)
    data = -(-file.tell() // alignment) * alignment
    return version, metadata, raw, num_keys, tensors, data, alignment


def plan(metadata, tensors, num_experts, experts_per_token, seed):
    """[(Tensor to write, source Tensor or None, copies, literal bytes)]"""
    if metadata.get("general.architecture") != "llama":
        raise Broken(f"its architecture is {metadata.get('general.architecture')}; only llama can be up-cycled")
    if metadata.get("llama.expert_count", 0):
        raise Broken("it is a mixture of experts already")
    if not 1 <= experts_per_token <= num_experts:
        raise Broken(f"{experts_per_token} of {num_experts} experts a token")
    hidden = metadata["llama.embedding_length"]
    chooser, out = random.Random(seed), []
    for tensor in tensors:
        parts = tensor.name.split(".")
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in FEED_FORWARD and parts[3] == "weight":
            name = f"blk.{parts[1]}.{parts[2]}_exps.weight"
            out.append((Tensor(name, [*tensor.dims, num_experts], tensor.kind, 0), tensor, num_experts, b""))
            if parts[2] == "ffn_gate":
                router = [chooser.uniform(-0.1, 0.1) for _ in range(hidden * num_experts)]
                out.append((Tensor(f"blk.{parts[1]}.ffn_gate_inp.weight", [hidden, num_experts], F32, 0), None, 0,
                            struct.pack(f"<{len(router)}f", *router)))
        else:
            out.append((Tensor(tensor.name, tensor.dims, tensor.kind, 0), tensor, 1, b""))
    return out


def upcycle(source, target, num_experts, experts_per_token, seed):
    version, metadata, raw, num_keys, tensors, data, alignment = read_header(source)
    planned = plan(metadata, tensors, num_experts, experts_per_token, seed)
    more = b"".join(string_bytes(key) + struct.pack("<II", UINT32, value) for key, value in
                    (("llama.expert_count", num_experts), ("llama.expert_used_count", experts_per_token)))
    infos, offset = b"", 0
    for tensor, *_ in planned:
        infos += string_bytes(tensor.name) + struct.pack(f"<I{len(tensor.dims)}QIQ", len(tensor.dims), *tensor.dims,
                                                         tensor.kind, offset)
        offset += -(-tensor.num_bytes() // alignment) * alignment
    target.write(struct.pack("<4sIQQ", b"GGUF", version, len(planned), num_keys + 2) + raw + more + infos)
    pad(target, alignment)
    for tensor, origin, copies, literal in planned:
        block = literal
        if origin:
            source.seek(data + origin.offset)
            block = Reader(source).take(origin.num_bytes())
        for _ in range(max(copies, 1)):
            target.write(block)
        pad(target, alignment)


def pad(file, alignment):
    file.write(b"\0" * (-file.tell() % alignment))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dense", type=pathlib.Path)
    parser.add_argument("moe", type=pathlib.Path)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--experts-per-token", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    unfinished = args.moe.with_name(args.moe.name + f".{os.getpid()}.unfinished")
    try:
        with open(args.dense, "rb") as source, open(unfinished, "wb") as target:
            upcycle(source, target, args.experts, args.experts_per_token, args.seed)
        unfinished.replace(args.moe)
    except (Broken, OSError) as error:
        sys.exit(f"error: {args.dense}: {error}")
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
