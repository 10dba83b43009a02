"""The target of each row of the table, by class of processor: (at least, aim); None: not set.

In per cent of the roofline, except for ratios (`onednn/…`: times oneDNN's speed) and times (`ready`: seconds at most).
"""

CLASS_OF_TIER = {"avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX"}

TARGETS = {
    "AVX-512 BF16": {
        "kernels/1": (90, 92), "kernels/2": (90, 92), "kernels/4": (90, 92), "kernels/8": (90, 92),
        "kernels/16": (88, 90), "kernels/32": (70, 75), "kernels/64": (78, 82),
        "onednn/128": (0.97, 1.0), "onednn/512": (0.97, 1.0),
        "prefill/0.6b": (78, 85), "prefill/moe": (72, 79),
        "decode/0.6b/1": (88, 91), "decode/0.6b/8": (84, 88), "decode/0.6b/32": (65, 72), "decode/0.6b/64": (65, 72),
        "decode/moe/1": (88, 92), "decode/moe/32": (84, 90),
        "context/0.6b": (80, None), "prompt/0.6b": (65, None), "ready/0.6b": (2, None), "ranks/moe": (93, None),
    },
    "AMX": {
        "kernels/1": (90, 94), "kernels/2": (90, 94), "kernels/4": (90, 94), "kernels/8": (90, 94),
        "kernels/16": (85, 92), "kernels/32": (76, 82), "kernels/64": (62, 68),
        "onednn/128": (1.15, 1.5), "onednn/512": (1.15, 1.5),
        "prefill/0.6b": (72, 85), "prefill/moe": (74, 82),
        "decode/0.6b/1": (90, 94), "decode/0.6b/8": (88, 93), "decode/0.6b/32": (72, 82), "decode/0.6b/64": (62, 70),
        "decode/moe/1": (88, 92), "decode/moe/32": (90, 94),
        "context/0.6b": (80, None), "prompt/0.6b": (60, None), "ready/0.6b": (2, None), "ranks/moe": (93, None),
    },
}


def target_of(tier, row_id):
    """(at least, aim), each None if not set for this processor."""
    return TARGETS.get(CLASS_OF_TIER.get(tier), {}).get(row_id, (None, None))


def verdict(value, at_least, aim, smaller_is_better=False):
    """"aim met", "met", "below", or "" without a target. `value` in the target's unit."""
    if at_least is None or value is None:
        return ""
    def holds(limit):
        return value <= limit if smaller_is_better else value >= limit
    if aim is not None and holds(aim):
        return "aim met"
    return "met" if holds(at_least) else "below"
