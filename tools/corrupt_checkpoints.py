#!/usr/bin/env python3
"""Makes corrupted copies of a good checkpoint (a Hugging Face directory or a GGUF file), to check that each ends in one
clear error, or loads if the damage is harmless (in weights, or in a field that nothing reads).

    tools/corrupt_checkpoints.py GOOD FOLDER [--seed N]       # FOLDER/000-…, FOLDER/001-…, at least 100
    tools/corrupt_checkpoints.py GOOD FOLDER --check BRAID    # and runs `BRAID inspect` on each

--check fails when a run takes over 20 s or over 2 GB, ends by a signal, or exits with 1 and names no problem. Needs only
Python's standard library.
"""

import argparse
import json
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys

BAD_NUMBERS = [0, -1, 2**63]
OTHER_TYPES = ["text", None, [1], {"a": 1}, 1.5, True]


def describe(value):
    return "2^63" if value == 2**63 else json.dumps(value).replace("/", "_")


class DirectoryCases:
    """Each case is (name, function that damages a fresh copy of the directory)."""

    def __init__(self, good, generator):
        self.good = good
        self.generator = generator

    def copy(self, target):
        shutil.copytree(self.good, target)

    def cases(self):
        yield from self.json_cases("config.json")
        if (self.good / "generation_config.json").exists():
            yield from self.json_cases("generation_config.json")
        if (self.good / "model.safetensors.index.json").exists():
            yield from self.index_cases()
        weights = sorted(self.good.glob("*.safetensors"))[0].name
        yield from self.safetensors_cases(weights)
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", weights):
            if (self.good / name).exists():
                yield from self.byte_cases(name)
        yield f"{weights}-missing", lambda folder: (folder / weights).unlink()
        yield "config.json-missing", lambda folder: (folder / "config.json").unlink()

    def json_cases(self, name):
        document = json.loads((self.good / name).read_text())

        def write(folder, changed):
            (folder / name).write_text(json.dumps(changed))

        for key, value in document.items():
            numbers = BAD_NUMBERS if isinstance(value, (int, float)) and not isinstance(value, bool) else []
            for bad in numbers + [self.generator.choice(OTHER_TYPES)]:
                changed = {**document, key: bad}
                yield f"{name}-{key}-{describe(bad)}", lambda folder, c=changed: write(folder, c)
            absent = {k: v for k, v in document.items() if k != key}
            yield f"{name}-{key}-absent", lambda folder, c=absent: write(folder, c)

    def index_cases(self):
        name = "model.safetensors.index.json"
        document = json.loads((self.good / name).read_text())
        tensor = next(iter(document["weight_map"]))
        for bad in ("../secret", "/etc/passwd", "..", "", "a\0b", "absent.safetensors", 7):
            changed = {**document, "weight_map": {**document["weight_map"], tensor: bad}}
            yield f"index-{json.dumps(bad).replace('/', '_')}", lambda folder, c=changed: (folder / name).write_text(
                json.dumps(c)
            )

    def safetensors_cases(self, name):
        data = (self.good / name).read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        body = data[8 + length :]
        tensors = [key for key in header if key != "__metadata__"]

        def write(folder, changed):
            text = json.dumps(changed).encode()
            text += b" " * (-len(text) % 8)
            (folder / name).write_bytes(struct.pack("<Q", len(text)) + text + body)

        for bad in (0, 1, length - 1, length + 1, len(data), 2**63, 2**64 - 1):
            yield f"{name}-header_length-{bad}", lambda folder, b=bad: (folder / name).write_bytes(
                struct.pack("<Q", b) + data[8:]
            )
        for tensor in self.generator.sample(tensors, min(3, len(tensors))):
            entry = header[tensor]
            variants = [{**entry, "dtype": bad} for bad in ("F64", "F8_E4M3", "X", 0)]
            for bad in BAD_NUMBERS + OTHER_TYPES[:2]:
                variants += [{**entry, "shape": [bad, *entry["shape"][1:]]}]
                variants += [{**entry, "data_offsets": [bad, entry["data_offsets"][1]]}]
                variants += [{**entry, "data_offsets": [entry["data_offsets"][0], bad]}]
            variants += [{k: v for k, v in entry.items() if k != gone} for gone in entry]
            variants += [{**entry, "shape": entry["shape"][::-1] + [1]}]
            for number, variant in enumerate(variants):
                changed = {**header, tensor: variant}
                yield f"{name}-{tensor}-{number}", lambda folder, c=changed: write(folder, c)
            renamed = {(key + "x" if key == tensor else key): value for key, value in header.items()}
            yield f"{name}-{tensor}-renamed", lambda folder, c=renamed: write(folder, c)

    def byte_cases(self, name):
        data = (self.good / name).read_bytes()
        header_end = len(data)
        if name.endswith(".safetensors"):
            header_end = 8 + struct.unpack("<Q", data[:8])[0]
        for number in range(12):
            place, bit = self.generator.randrange(header_end), self.generator.randrange(8)
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            yield f"{name}-flip{number}-{place}.{bit}", lambda folder, d=bytes(damaged): (folder / name).write_bytes(d)
        for size in {0, 1, 7, 8, header_end - 1, header_end, len(data) - 1, self.generator.randrange(len(data))}:
            if size < len(data):
                yield f"{name}-cut{size}", lambda folder, s=size: (folder / name).write_bytes(data[:s])


class GgufCases:
    """Walks the header to find its fields, then damages one at a time."""

    SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def __init__(self, good, generator):
        self.data = good.read_bytes()
        self.generator = generator
        self.fields = []  # (name, offset, bytes)
        self.at = 0
        self.walk()

    def copy(self, target):
        target.mkdir()

    def field(self, name, size):
        self.fields.append((name, self.at, size))
        value = int.from_bytes(self.data[self.at : self.at + size], "little")
        self.at += size
        return value

    def text(self, name):
        length = self.field(name + ".length", 8)
        value = self.data[self.at : self.at + length]
        self.at += length
        return value.decode("utf-8", "replace")

    def value(self, name, kind):
        if kind == 8:
            self.text(name)
        elif kind == 9:
            element, count = self.field(name + ".element_type", 4), self.field(name + ".count", 8)
            if element == 8:
                for _ in range(count):
                    self.at += 8 + int.from_bytes(self.data[self.at : self.at + 8], "little")
            else:
                self.at += count * self.SIZES[element]
        else:
            self.field(name, self.SIZES[kind])

    def walk(self):
        self.field("magic", 4)
        self.field("version", 4)
        num_tensors, num_keys = self.field("tensors", 8), self.field("keys", 8)
        for _ in range(num_keys):
            key = self.text("key")
            self.value(key, self.field(key + ".type", 4))
        for _ in range(num_tensors):
            name = self.text("tensor")
            for i in range(self.field(name + ".dims", 4)):
                self.field(f"{name}.size{i}", 8)
            self.field(name + ".type", 4)
            self.field(name + ".offset", 8)

    def write(self, folder, data):
        (folder / "model.gguf").write_bytes(data)

    def cases(self):
        keys = [f for f in self.fields if ".weight" not in f[0] and ".bias" not in f[0] and f[0] != "tensor.length"]
        others = [f for f in self.fields if f not in keys]
        for name, offset, size in keys + self.generator.sample(others, min(60, len(others))):
            for bad in (0, -1, 2 ** (8 * size - 1)):
                damaged = bytearray(self.data)
                damaged[offset : offset + size] = (bad % 2 ** (8 * size)).to_bytes(size, "little")
                if bytes(damaged) != self.data:
                    label = f"{name}-{'high_bit' if bad > 0 else describe(bad)}".replace("/", "_")
                    yield label, lambda folder, d=bytes(damaged): self.write(folder, d)
        for number in range(60):
            place, bit = self.generator.randrange(self.at), self.generator.randrange(8)
            damaged = bytearray(self.data)
            damaged[place] ^= 1 << bit
            yield f"flip{number}-{place}.{bit}", lambda folder, d=bytes(damaged): self.write(folder, d)
        for _ in range(20):
            size = self.generator.choice([self.generator.randrange(self.at), self.generator.randrange(len(self.data))])
            yield f"cut{size}", lambda folder, s=size: self.write(folder, self.data[:s])


def check(program, path):
    """(what is wrong with the program's reaction, or None; whether the checkpoint would run)"""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    try:
        run = subprocess.run([program, "inspect", str(path), "--json"], capture_output=True, timeout=20, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "took over 20 s", False
    if run.returncode not in (0, 1):
        return f"ended with {run.returncode}: {run.stderr.decode(errors='replace')[-300:]}", False
    try:
        report = json.loads(run.stdout)
    except ValueError:
        return f"printed no report: {run.stderr.decode(errors='replace')[-300:]}", False
    if (run.returncode == 0) != (not report["problems"]):
        return f"ended with {run.returncode}, problems: {report['problems']}", False
    return None, run.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("good", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", metavar="BRAID")
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    maker = (DirectoryCases if arguments.good.is_dir() else GgufCases)(arguments.good, generator)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    count, failed, harmless = 0, 0, []
    for name, damage in maker.cases():
        target = arguments.folder / f"{count:03}-{name[:120]}"
        maker.copy(target)
        damage(target)
        count += 1
        if not arguments.check:
            continue
        path = target if arguments.good.is_dir() else target / "model.gguf"
        problem, would_run = check(arguments.check, path)
        if problem:
            failed += 1
            print(f"FAILED {target}: {problem}")
            continue
        if would_run:
            harmless.append(name)
        shutil.rmtree(target)
    print(f"{count} corrupted checkpoints" + (f", {failed} failed, {len(harmless)} harmless" if arguments.check else ""))
    if arguments.check:
        print("harmless:", " ".join(harmless))
    sys.exit(1 if failed or count < 100 else 0)


if __name__ == "__main__":
    main()
