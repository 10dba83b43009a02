"""What transformers computes for prompts with images: the cases of model_cases.py that have some.

Images are random pixels as the tower reads them. The features that its tower makes of them are kept, so that the text
side can be tested alone.
"""

import json
import string

import numpy as np
import torch

GREEDY_TOKENS = 12


class ImagePrompts:
    """The images and prompts of a case, with the model's inputs."""

    def __init__(self, case, seed, vocab):
        rng = np.random.default_rng(seed + 1000)
        self.config = case.config
        self.is_gemma = "image_token_index" in case.config
        self.image_token = case.config["image_token_index" if self.is_gemma else "image_token_id"]
        self.grids = case.images
        self.pixels = [self._pixels(rng, rows, cols) for rows, cols in case.images]
        self.prompts = []  # (ids, [(first, image)])
        for parts in case.image_prompts:
            ids, spans = [], []
            for part in parts:
                if isinstance(part, str):
                    image = string.ascii_lowercase.index(part)
                    spans.append((len(ids), image))
                    ids += [self.image_token] * (self.grids[image][0] * self.grids[image][1])
                else:
                    text = rng.integers(0, vocab - 1, part)
                    ids += [int(i + (i >= self.image_token)) for i in text]
            self.prompts.append((ids, spans))

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
        images = [image for _, image in spans]
        types = np.zeros((1, len(ids)), dtype=np.int64)
        for first, image in spans:
            types[0, first:first + self.grids[image][0] * self.grids[image][1]] = 1
        types = torch.tensor(types)
        more = {"token_type_ids": types} if self.is_gemma else {"mm_token_type_ids": types,
                                                                "image_grid_thw": self._grid_of(images)}
        return model(input_ids=torch.tensor([ids]), use_cache=False,
                     pixel_values=torch.cat([self.pixels[i] for i in images]), **more).logits[0].float().numpy()

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
            if int(row.argmax()) == images.image_token:
                return None, "a greedy choice is the image's token"
            ids.append(int(row.argmax()))
        described.append({"ids": prompt, "images": [list(span) for span in spans], "rows": kept,
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
