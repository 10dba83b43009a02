#!/usr/bin/env python3
"""Writes src/braid/multimodal/testdata and src/braid/request/testdata: small images, and what Pillow and transformers
make of them.

    images/NAME                 JPEG, PNG and WebP files, made here from formulas
    decoded/NAME.png            what transformers' load_image returns (exif_transpose, convert("RGB"))
    processors/NAME/            preprocessor_config.json
    patches/IMAGE.PROCESSOR.png one row for each patch: the bytes that the image processor normalises
    cases.json                  which image, processor and grid belong together; grids of other sizes
    normalisation.f32           of each case in normalisation.json, [red, green, blue][256] values

Needs torch, torchvision, transformers 5.24, numpy and Pillow 13.
"""
import io
import json
import pathlib
import random
import struct
import zlib

import numpy as np
import torch
from PIL import Image
from transformers import Gemma3ImageProcessor, Qwen2VLImageProcessor
from transformers.image_utils import load_image

ROOT = pathlib.Path(__file__).resolve().parent.parent / "src/braid"
OUTPUT = ROOT / "multimodal/testdata"
REQUEST_OUTPUT = ROOT / "request/testdata"
ORIENTATION = 0x0112

QWEN2_5 = {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12845056,
           "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
           "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
QWEN3 = {"image_processor_type": "Qwen2VLImageProcessorFast", "size": {"longest_edge": 16777216, "shortest_edge": 65536},
         "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
         "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
GEMMA3 = {"do_convert_rgb": None, "do_normalize": True, "do_pan_and_scan": None, "do_rescale": True, "do_resize": True,
          "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "Gemma3ImageProcessor", "image_seq_length": 256,
          "image_std": [0.5, 0.5, 0.5], "pan_and_scan_max_num_crops": None, "pan_and_scan_min_crop_size": None,
          "pan_and_scan_min_ratio_to_activate": None, "processor_class": "Gemma3Processor", "resample": 2,
          "rescale_factor": 0.00392156862745098, "size": {"height": 896, "width": 896}}
# The checkpoints' own files, and the same for images of a few tokens.
PROCESSORS = {
    "qwen2_5_vl": QWEN2_5,
    "qwen3_vl": QWEN3,
    "gemma3": GEMMA3,
    "qwen2_5_vl_tiny": QWEN2_5 | {"max_pixels": 28 * 28 * 12},
    "qwen3_vl_tiny": QWEN3 | {"size": {"longest_edge": 32 * 32 * 10, "shortest_edge": 32 * 32 * 4}},
    "qwen3_vl_bilinear": QWEN3 | {"size": {"longest_edge": 32 * 32 * 6, "shortest_edge": 32 * 32 * 4}, "resample": 2},
    "gemma3_tiny": GEMMA3 | {"size": {"height": 56, "width": 56}},
    "gemma3_bicubic": GEMMA3 | {"size": {"height": 84, "width": 84}, "resample": 3},
}
# What config.json says of the tower: patch_size, temporal_patch_size, merge_size, image_size.
SHAPES = {name: [14, 1, 4 if name == "gemma3" else 2, config["size"]["height"]] if name.startswith("gemma3")
          else [config["patch_size"], 2, 2, 0] for name, config in PROCESSORS.items()}


def picture(width, height, seed=0):
    """Waves with hard edges and some noise: [height, width, 3] bytes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    channels = []
    for c in range(3):
        a, b, phase = rng.uniform(0.02, 0.3, 2).tolist() + [rng.uniform(0, 6)]
        wave = 127 + 110 * np.sin(a * x + phase) * np.cos(b * y + c)
        wave[(x // 9 + y // 7) % 5 == c] = 255 * (c % 2)
        channels.append(wave + rng.integers(-3, 4, wave.shape))
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def save(name, image, **options):
    image.save(OUTPUT / "images" / name, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_row(values, depth):
    """One row of samples, `depth` bits each."""
    if depth == 16:
        return values.astype(">u2").tobytes()
    if depth == 8:
        return values.astype(np.uint8).tobytes()
    bits = [(int(v) >> (depth - 1 - i)) & 1 for v in values for i in range(depth)]
    return np.packbits(bits).tobytes()


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def write_png(name, samples, depth, colour_type, interlaced=False, extra=b""):
    """samples: [height, width, channels]. Rows without a filter; Pillow writes neither 16-bit colour nor Adam7."""
    height, width = samples.shape[:2]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for left, top, step_x, step_y in passes:
        part = samples[top::step_y, left::step_x]
        if part.size:
            data += b"".join(b"\0" + packed_row(row.reshape(-1), depth) for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    content = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    (OUTPUT / "images" / name).write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def patched(name, source, change):
    data = bytearray((OUTPUT / "images" / source).read_bytes())
    change(data)
    (OUTPUT / "images" / name).write_bytes(data)


def make_jpegs():
    image = Image.fromarray(picture(48, 48))
    save("grey.jpg", Image.fromarray(picture(41, 30)[..., 0]), quality=90)
    for name, subsampling in ("444", 0), ("422", 1), ("420", 2):
        save(f"ycbcr_{name}.jpg", Image.fromarray(picture(45, 35, 1)), quality=85, subsampling=subsampling)
    save("progressive.jpg", Image.fromarray(picture(45, 35, 2)), quality=75, progressive=True)
    save("restarts.jpg", Image.fromarray(picture(45, 35, 3)), quality=60, restart_marker_blocks=2, optimize=True)
    save("rgb.jpg", Image.fromarray(picture(33, 27, 4)), quality=90, keep_rgb=True)
    save("cmyk.jpg", Image.fromarray(np.dstack([picture(37, 25, 5), picture(37, 25, 6)[..., :1]]), "CMYK"), quality=90)

    # Pillow writes neither YCCK nor 4:4:0. The first is CMYK whose Adobe marker says so; the second has the sampling
    # factors of 4:2:2 exchanged, which leaves the blocks of a square image in place, if in another order.
    def to_ycck(data):
        data[data.index(b"Adobe") + 11] = 2
    patched("ycck.jpg", "cmyk.jpg", to_ycck)
    save("ycbcr_440.jpg", image, quality=85, subsampling=1)

    def to_440(data):
        data[data.index(b"\xff\xc0") + 11] = 0x12
    patched("ycbcr_440.jpg", "ycbcr_440.jpg", to_440)


def exif_of(orientation, big_endian=False):
    order, mark = (">", b"MM\0*") if big_endian else ("<", b"II*\0")
    entries = struct.pack(order + "HHIHH", 0x0100, 3, 1, 7, 0)
    entries += struct.pack(order + "HHIHH", ORIENTATION, 3, 1, orientation, 0)
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, 2) + entries + struct.pack(order + "I", 0)


XMP = b'<x:xmpmeta><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></x:xmpmeta>'


def make_oriented():
    image = Image.fromarray(picture(26, 17, 7))
    for orientation in range(2, 9):
        save(f"orientation_{orientation}.jpg", image, quality=80, exif=exif_of(orientation, orientation % 2 == 0))
    save("orientation_none.jpg", image, quality=80, exif=exif_of(9))
    save("orientation_xmp.jpg", image, quality=80, xmp=XMP % 6)
    save("orientation.png", image, exif=exif_of(8)[6:])
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % 3
    write_png("orientation_xmp.png", picture(26, 17, 7), 8, 2, extra=chunk(b"iTXt", text))
    save("orientation.webp", image, quality=80, exif=exif_of(6))
    save("orientation_xmp.webp", image, lossless=True, xmp=XMP % 8)


def make_pngs():
    rng = np.random.default_rng(8)
    rgb = picture(31, 23, 9)
    alpha = rng.integers(0, 256, (23, 31, 1))
    wide = (rgb.astype(np.uint16) << 8) | rng.integers(0, 256, rgb.shape).astype(np.uint16)
    wide_alpha = rng.integers(0, 65536, (23, 31, 1)).astype(np.uint16)
    for depth in 1, 2, 4, 8, 16:
        grey = wide[..., :1] if depth == 16 else rgb[..., :1] >> (8 - depth)
        for interlaced in False, True:
            write_png(f"grey_{depth}{'_interlaced' if interlaced else ''}.png", grey, depth, 0, interlaced)
    write_png("grey_transparent.png", rgb[..., :1], 8, 0, extra=chunk(b"tRNS", struct.pack(">H", 100)))
    write_png("grey_alpha_8.png", np.dstack([rgb[..., :1], alpha]), 8, 4)
    write_png("grey_alpha_16.png", np.dstack([wide[..., :1], wide_alpha]), 16, 4)
    write_png("rgb_8.png", rgb, 8, 2)
    write_png("rgb_transparent.png", rgb, 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", *rgb[3, 4].tolist())))
    write_png("rgb_16.png", wide, 16, 2)
    write_png("rgba_8.png", np.dstack([rgb, alpha]), 8, 6)
    write_png("rgba_8_interlaced.png", np.dstack([rgb, alpha]), 8, 6, True)
    write_png("rgba_16.png", np.dstack([wide, wide_alpha]), 16, 6)
    write_png("rgba_16_interlaced.png", np.dstack([wide, wide_alpha]), 16, 6, True)
    gamma = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sBIT", bytes([5, 6, 5]))
    write_png("rgb_gamma.png", rgb, 8, 2, extra=gamma)
    for depth in 1, 2, 4, 8:
        count = 1 << depth
        palette = chunk(b"PLTE", rng.integers(0, 256, 3 * count).astype(np.uint8).tobytes())
        indices = rng.integers(0, count, (23, 31, 1))
        transparency = chunk(b"tRNS", rng.integers(0, 256, count).astype(np.uint8).tobytes()) if depth != 2 else b""
        write_png(f"palette_{depth}.png", indices, depth, 3, depth == 4, palette + transparency)
    write_png("one_pixel.png", rgb[:1, :1], 8, 2)
    write_png("one_pixel_interlaced.png", rgb[:1, :1], 8, 2, True)


def make_webps():
    rng = np.random.default_rng(10)
    rgb = picture(45, 33, 11)
    rgba = Image.fromarray(np.dstack([rgb, rng.integers(0, 256, (33, 45, 1)).astype(np.uint8)]), "RGBA")
    save("lossy.webp", Image.fromarray(rgb), quality=70)
    save("lossless.webp", Image.fromarray(rgb), lossless=True)
    save("lossy_alpha.webp", rgba, quality=70)
    save("lossless_alpha.webp", rgba, lossless=True, exact=True)
    frames = [Image.fromarray(picture(45, 33, seed)) for seed in (12, 13)]
    save("animation.webp", frames[0], save_all=True, append_images=frames[1:], duration=100, quality=70)
    # A first frame that is smaller than its canvas: the frame of the animation, moved and cut out by its header.
    data = (OUTPUT / "images/lossy.webp").read_bytes()
    frame = data[12:]
    anmf = struct.pack("<I", 4)[:3] + struct.pack("<I", 3)[:3]  # at x = 8, y = 6
    anmf += struct.pack("<I", 44)[:3] + struct.pack("<I", 32)[:3] + struct.pack("<I", 100)[:3] + b"\2" + frame
    vp8x = bytes([2, 0, 0, 0]) + struct.pack("<I", 63)[:3] + struct.pack("<I", 49)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", len(vp8x)) + vp8x + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(anmf)) + anmf
    (OUTPUT / "images/animation_offset.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def make_larger():
    """For the image processors."""
    save("large_131x87.jpg", Image.fromarray(picture(131, 87, 20)), quality=70)
    save("large_40x30.png", Image.fromarray(picture(40, 30, 21)))
    save("large_112x84.webp", Image.fromarray(picture(112, 84, 22)), quality=60)
    save("large_112x90.jpg", Image.fromarray(picture(112, 90, 23)), quality=60)
    save("large_120x84.jpg", Image.fromarray(picture(120, 84, 24)), quality=60)
    save("large_20x300.jpg", Image.fromarray(picture(20, 300, 25)), quality=60, exif=exif_of(6))
    save("large_700x500.jpg", Image.fromarray(picture(700, 500, 26)), quality=25)


PATCH_CASES = [
    ("qwen2_5_vl_tiny", ["large_131x87.jpg", "large_40x30.png", "large_112x84.webp", "large_112x90.jpg",
                         "large_120x84.jpg", "large_20x300.jpg"]),
    ("qwen3_vl_tiny", ["large_131x87.jpg", "large_40x30.png", "large_700x500.jpg"]),
    ("qwen3_vl_bilinear", ["large_131x87.jpg"]),
    ("gemma3_tiny", ["large_131x87.jpg", "large_40x30.png", "large_20x300.jpg", "large_700x500.jpg"]),
    ("gemma3_bicubic", ["large_131x87.jpg"]),
]


def processor_of(name):
    kind = Gemma3ImageProcessor if name.startswith("gemma3") else Qwen2VLImageProcessor
    return kind(**{k: v for k, v in PROCESSORS[name].items() if k not in ("image_processor_type", "processor_class")})


def table_of(processor):
    """[3][256]: what the processor makes of each byte."""
    bytes_ = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 1, 256).expand(1, 3, 1, 256).contiguous()
    values = processor.rescale_and_normalize(bytes_, processor.do_rescale, processor.rescale_factor,
                                             processor.do_normalize, processor.image_mean, processor.image_std)
    return values.to(torch.float32).numpy().reshape(3, 256)


def to_bytes(values, table):
    """[patches, 3, n] normalised values back to bytes; each must be one of the table's."""
    result = np.empty(values.shape, np.uint8)
    for c in range(3):
        order = np.argsort(table[c])
        at = np.clip(np.searchsorted(table[c][order], values[:, c]), 0, 255)
        assert (table[c][order][at] == values[:, c]).all()
        result[:, c] = order[at]
    return result


def patches_of(name, image):
    processor = processor_of(name)
    output = processor(images=image, return_tensors="pt")
    pixels = output["pixel_values"].numpy()
    table = table_of(processor)
    if name.startswith("gemma3"):
        side = SHAPES[name][0]
        rows, cols = pixels.shape[2] // side, pixels.shape[3] // side
        cut = pixels[0].reshape(3, rows, side, cols, side).transpose(1, 3, 0, 2, 4)
        return [1, rows, cols], to_bytes(cut.reshape(rows * cols, 3, -1), table)
    grid = output["image_grid_thw"][0].tolist()
    twice = pixels.reshape(len(pixels), 3, 2, -1)
    assert (twice[:, :, 0] == twice[:, :, 1]).all()  # an image is two equal frames
    return grid, to_bytes(twice[:, :, 0], table)


def sizes_of(name):
    """[width, height, rows, cols] of images that are never made."""
    if name.startswith("gemma3"):
        rows = SHAPES[name][3] // SHAPES[name][0]
        return [[width, height, rows, rows] for width, height in ((1, 1), (1120, 700), (4000, 3000))]
    processor = processor_of(name)
    factor = SHAPES[name][0] * SHAPES[name][2]
    rng = random.Random(name)
    sizes = [(1, 1), (1, 200), (200, 1), (1120, 700), (700, 1120), (4032, 3024), (8000, 6000), (factor, factor),
             (factor * 3 // 2, factor * 5 // 2), (factor * 7 // 2, factor * 9 // 2)]
    sizes += [(rng.randint(1, 3000), rng.randint(16, 3000)) for _ in range(100)]
    sizes += [(rng.randint(1, 200), rng.randint(1, 200)) for _ in range(60)]
    sizes += [(factor * rng.randint(1, 60) + factor // 2, factor * rng.randint(1, 60) + factor // 2) for _ in range(30)]
    result = []
    for width, height in sizes:
        if max(width, height) > 200 * min(width, height):
            continue
        from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
        new_height, new_width = smart_resize(height, width, factor, processor.size["shortest_edge"],
                                             processor.size["longest_edge"])
        patches = processor.get_number_of_image_patches(height, width)
        side = SHAPES[name][0]
        assert new_height // side * (new_width // side) == patches
        result.append([width, height, new_height // side, new_width // side])
    return result


def make_normalisation():
    cases, tables = [], []
    for changes in ({}, {"image_mean": [0.48145466, 0.4578275, 0.40821073],
                         "image_std": [0.26862954, 0.26130258, 0.27577711]},
                    {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "rescale_factor": 1 / 127.5},
                    {"do_normalize": False}, {"do_rescale": False, "image_mean": [100.5, 3, 0]},
                    {"do_rescale": False, "do_normalize": False}):
        processor = Gemma3ImageProcessor(**changes)
        tables.append(table_of(processor))
        cases.append({"rescales": processor.do_rescale, "rescale_factor": processor.rescale_factor,
                      "normalises": processor.do_normalize, "mean": list(processor.image_mean),
                      "stddev": list(processor.image_std)})
    REQUEST_OUTPUT.mkdir(exist_ok=True)
    (REQUEST_OUTPUT / "normalisation.f32").write_bytes(np.stack(tables).astype("<f4").tobytes())
    (REQUEST_OUTPUT / "normalisation.json").write_text(json.dumps(cases, indent=1) + "\n")


def main():
    for folder in "images", "decoded", "processors", "patches":
        (OUTPUT / folder).mkdir(parents=True, exist_ok=True)
        for old in (OUTPUT / folder).glob("*.*"):
            old.unlink()
    for make in make_jpegs, make_oriented, make_pngs, make_webps, make_larger:
        make()
    decoded = {}
    for path in sorted((OUTPUT / "images").iterdir()):
        rgb = load_image(str(path))
        if path.name.startswith("grey_16"):  # Pillow cuts these off at 255; braid takes the upper byte
            array = np.asarray(Image.open(path)).astype(np.uint16) >> 8
            rgb = Image.fromarray(np.repeat(array[..., None], 3, axis=-1).astype(np.uint8))
        decoded[path.name] = rgb
        if not path.name.startswith("large_"):
            rgb.save(OUTPUT / "decoded" / f"{path.name}.png", optimize=True)
    for name, config in PROCESSORS.items():
        folder = OUTPUT / "processors" / name
        folder.mkdir(exist_ok=True)
        (folder / "preprocessor_config.json").write_text(json.dumps(config, indent=2) + "\n")
    patches = []
    for processor, images in PATCH_CASES:
        for image in images:
            grid, rows = patches_of(processor, decoded[image])
            file = f"{image}.{processor}.png"
            Image.fromarray(rows.reshape(len(rows), -1)).save(OUTPUT / "patches" / file, optimize=True)
            patches.append({"image": image, "processor": processor, "grid": grid, "patches": file})
    cases = {"shapes": SHAPES, "decoded": [name for name in decoded if not name.startswith("large_")],
             "patches": patches, "sizes": {name: sizes_of(name) for name in PROCESSORS}}
    text = json.dumps(cases, separators=(",", ":")).replace("],[", "],\n[").replace("},{", "},\n{")
    (OUTPUT / "cases.json").write_text(text + "\n")
    make_normalisation()


if __name__ == "__main__":
    main()
