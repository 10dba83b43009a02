"""What transformers computes for prompts with images and videos: the cases of model_cases.py that have some.

Images are random pixels as the tower reads them. The features that its tower makes of them are kept, so that the text
side can be tested alone. A video is as many images as it has pairs of frames, behind the case's images.
"""

import json
import string
from dataclasses import dataclass

import numpy as np
import torch

GREEDY_TOKENS = 12


@dataclass
class Span:
    """An image or a pair of frames in a prompt."""
    first: int
    image: int
    video: int = -1  # of which the frames are
    group: int = 0  # number of the pair in its video
    time: int = 0  # of the pair, from the video's first, where it is in the positions
    continues: bool = False  # nothing is between it and the pair before

    def described(self):
        return [self.first, self.image] + ([self.time, self.continues] if self.time or self.continues else [])


class ImagePrompts:
    """The images and prompts of a case, with the model's inputs."""

    def __init__(self, case, seed, vocab):
        rng = np.random.default_rng(seed + 1000)
        self.config = case.config
        self.is_gemma = "image_token_index" in case.config
        self.image_token = case.config["image_token_index" if self.is_gemma else "image_token_id"]
        self.grids = list(case.images)
        self.pixels = [self._pixels(rng, rows, cols) for rows, cols in case.images]
        self.videos, self.first_images = case.videos, []
        of_videos = np.random.default_rng(seed + 2000)
        for groups, rows, cols, _ in case.videos:
            self.first_images.append(len(self.grids))
            self.grids += [(rows, cols)] * groups
            self.pixels += [self._pixels(of_videos, rows, cols) for _ in range(groups)]
        self.prompts = [self._prompt(parts, rng, vocab) for parts in case.image_prompts]  # (ids, [Span])

    def _prompt(self, parts, rng, vocab):
        ids, spans = [], []
        has_video = any(isinstance(part, str) and part.isupper() for part in parts)

        def add_text(count):
            text = [int(i + (i >= self.image_token)) for i in rng.integers(0, vocab - 1, count)]
            ids.extend(i + (has_video and i == self.config["video_token_id"]) for i in text)

        def add_image(image, token, **more):
            spans.append(Span(len(ids), image, **more))
            ids.extend([token] * (self.grids[image][0] * self.grids[image][1]))

        for part in parts:
            if not isinstance(part, str):
                add_text(part)
            elif part.islower():
                add_image(string.ascii_lowercase.index(part), self.image_token)
            else:
                video = string.ascii_uppercase.index(part)
                rate = self.config["vision_config"].get("tokens_per_second")
                for group in range(self.videos[video][0]):
                    place = {}
                    if rate:
                        place = {"time": int(np.float32(group) * (np.float32(rate) * np.float32(self.videos[video][3]))),
                                 "continues": group > 0}
                    else:
                        add_text(4)  # the time stamp
                    add_image(self.first_images[video] + group, self.config["video_token_id"], video=video, group=group,
                              **place)
        return ids, spans

    def _pixels(self, rng, rows, cols):
        vision = self.config["vision_config"]
        if self.is_gemma:
            shape = (1, 3, vision["image_size"], vision["image_size"])
            return torch.tensor(rng.standard_normal(shape), dtype=torch.float32)
        num_patches = rows * cols * vision["spatial_merge_size"] ** 2
        patch = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
        return torch.tensor(rng.standard_normal((num_patches, patch)), dtype=torch.float32)

    def _grid_of(self, images):
        merge = self.config["vision_config"]["spatial_merge_size"]
        return torch.tensor([[1, merge * self.grids[i][0], merge * self.grids[i][1]] for i in images])

    @torch.no_grad()
    def logits(self, model, ids, spans):
        images = [span.image for span in spans if span.video < 0]
        types = np.zeros((1, len(ids)), dtype=np.int64)
        for span in spans:
            num_tokens = self.grids[span.image][0] * self.grids[span.image][1]
            types[0, span.first:span.first + num_tokens] = 1 if span.video < 0 else 2
        types = torch.tensor(types)
        more = {"token_type_ids" if self.is_gemma else "mm_token_type_ids": types}
        if images:
            more["pixel_values"] = torch.cat([self.pixels[i] for i in images])
            if not self.is_gemma:
                more["image_grid_thw"] = self._grid_of(images)
        if frames := [span for span in spans if span.video >= 0]:
            videos = [span.video for span in frames if span.group == 0]
            merge = self.config["vision_config"]["spatial_merge_size"]
            more["pixel_values_videos"] = torch.cat([self.pixels[span.image] for span in frames])
            more["video_grid_thw"] = torch.tensor([[groups, merge * rows, merge * cols]
                                                   for groups, rows, cols, _ in (self.videos[v] for v in videos)])
            if "tokens_per_second" in self.config["vision_config"]:
                more["second_per_grid_ts"] = torch.tensor([self.videos[v][3] for v in videos])
        return model(input_ids=torch.tensor([ids]), use_cache=False, **more).logits[0].float().numpy()

    @torch.no_grad()
    def features(self, model):
        """For each image: its embeddings, then the rows of each tapped layer, [tokens, hidden] each."""
        out = []
        for image, pixels in enumerate(self.pixels):
            more = () if self.is_gemma else (self._grid_of([image]),)
            made = model.model.get_image_features(pixels, *more, return_dict=True)
            levels = [made.pooler_output[0]] + [layer[0] for layer in getattr(made, "deepstack_features", None) or []]
            out.append([level.float().numpy() for level in levels])
        return out


def evaluate(model, images, kept_rows_of, margin):
    """(description of images and prompts, features, logits), or why these weights cannot be used."""
    described, rows = [], []
    for prompt, spans in images.prompts:
        first_logits = images.logits(model, prompt, spans)
        kept = kept_rows_of(len(prompt))
        rows.append(first_logits[kept])
        ids = list(prompt)
        for _ in range(GREEDY_TOKENS):
            row = images.logits(model, ids, spans)[-1]
            second, first = np.sort(row)[-2:]
            lead = float(first - second) / float(np.abs(row).max())
            if lead < margin:
                return None, f"a greedy choice after an image leads by {lead:.1e} only"
            if int(row.argmax()) in (images.image_token, images.config.get("video_token_id")):
                return None, "a greedy choice is the image's token"
            ids.append(int(row.argmax()))
        described.append({"ids": prompt, "images": [span.described() for span in spans], "rows": kept,
                          "greedy": ids[len(prompt):]})
    features = images.features(model)
    about = {"images": [list(grid) for grid in images.grids], "levels": len(features[0]),
             "hidden": features[0][0].shape[1], "prompts": described}
    return (about, features, np.concatenate(rows)), None


def write(folder, made):
    about, features, logits = made
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items() if key != "prompts"]
    lines.append('  "prompts": [\n' + ",\n".join("    " + json.dumps(p) for p in about["prompts"]) + "\n  ]")
    (folder / "image_prompts.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    np.concatenate([level.ravel() for image in features for level in image]).astype("<f4").tofile(
        folder / "image_features.f32")
    logits.astype("<f4").tofile(folder / "image_logits.f32")
