"""Makes the rows of the table from the programs' reports. Pure: the same JSON makes the same rows.

A row is a dict: `id`, `what`, `figure` and `bound` (text), `judged` (a number in `unit`: "%", "x" or "s"; None if it was not measured),
`note`, `at_least`, `aim`, `verdict`.
"""

from statistics import median_low

from .rooflines import latency_phase, operation_bound_s, peaks_of, tier_of
from .targets import target_of, verdict

MODEL_NAMES = {"0.6b": "0.6b", "moe": "4l MoE"}
KERNEL_ROWS = [1, 2, 4, 8, 16, 32, 64]
SHOWN_SHAPE = (1024, 6144)
ONEDNN_ROWS = [128, 512]


def medians_of_shapes(m, reports, measure):
    """For the products with m rows, {(k, n): the median of measure(report, product) over the turns}."""
    by_shape = {}
    for report in reports:
        for product in report["products"]:
            if product["m"] == m:
                by_shape.setdefault((product["k"], product["n"]), []).append(measure(report, product))
    return {shape: sorted(values)[(len(values) - 1) // 2] for shape, values in by_shape.items()}


def product_bound_s(report, product, num_bytes, read_bytes_per_s, peaks):
    flops = 2 * product["m"] * product["n"] * product["k"]
    return operation_bound_s(flops, num_bytes, report["dtype"], read_bytes_per_s, peaks)


def kernel_row(m, reports, peaks):
    """The median over the turns for every shape; judged by the shape that is farthest from its roofline."""
    def measure(report, product):
        bound_s = product_bound_s(report, product, product["bytes_per_s"] * product["seconds"], product["read_bytes_per_s"], peaks)
        return bound_s / product["seconds"], product["seconds"], bound_s

    shapes = medians_of_shapes(m, reports, measure)
    if not shapes:
        return None
    shown = SHOWN_SHAPE if SHOWN_SHAPE in shapes else next(iter(shapes))
    fraction, seconds, bound_s = shapes[shown]
    least = min(shapes, key=lambda shape: shapes[shape][0])
    return {"id": f"kernels/{m}", "what": f"product from memory, M = {m}",
            "figure": f"{seconds * 1e6:.0f} us ({shown[0]} x {shown[1]})", "bound": f"{bound_s * 1e6:.0f} us",
            "judged": 100 * shapes[least][0], "unit": "%",
            "note": f"least of {len(shapes)} shapes, {least[0]} x {least[1]}; {shown[0]} x {shown[1]} {100 * fraction:.1f} %, "
                    f"most {100 * max(value[0] for value in shapes.values()):.1f} %"}


def onednn_row(m, reports, peaks):
    """The median ratio of the turns for every shape; judged by the smallest."""
    def measure(report, product):
        bound_s = product_bound_s(report, product, 2 * product["n"] * product["k"], report["read_bytes_per_s"], peaks)
        return product["onednn_s"] / product["braid_s"], product["braid_s"], product["onednn_s"], bound_s

    shapes = medians_of_shapes(m, reports, measure)
    if not shapes:
        return None
    least = min(shapes, key=lambda shape: shapes[shape][0])
    ratio, braid_s, onednn_s, bound_s = shapes[least]
    others = ", ".join(f"{k} x {n} {shapes[k, n][0]:.2f}x" for k, n in shapes if (k, n) != least)
    return {"id": f"onednn/{m}", "what": f"product beside oneDNN, M = {m}",
            "figure": f"{braid_s * 1e6:.0f} us, oneDNN {onednn_s * 1e6:.0f} ({least[0]} x {least[1]})",
            "bound": f"{bound_s * 1e6:.0f} us", "judged": ratio, "unit": "x",
            "note": f"{100 * bound_s / braid_s:.1f} % of the floor" + (f"; {others}" if others else "")}


def latency_row(row_id, what, report, phase, peaks):
    got = latency_phase(report, phase, peaks)
    return {"id": row_id, "what": what, "figure": f"{got['tokens_per_s']:.1f} tokens/s",
            "bound": f"{got['bound_tokens_per_s']:.1f} tokens/s", "judged": 100 * got["fraction"], "unit": "%",
            "note": f"read {report['read_bytes_per_s'] * 1e-9:.1f} GB/s"}


def median_of(reports, key):
    return median_low([report[key] for report in reports])


def median_ratio(reports, key, others, other_key):
    """The median ratio within a turn, because the machine's speed changes from minute to minute."""
    return median_low([report[key] / other[other_key] for report, other in zip(reports, others)])


def ranks_row(row_id, what, reports, peaks):
    ranks, one = (median_of(reports[label], "decode_tokens_per_s") for label in ("tp2_dp2", "one_rank"))
    fraction = median_low([latency_phase(report, "decode", peaks)["fraction"] for report in reports["tp2_dp2"]])
    return {"id": row_id, "what": what, "figure": f"{ranks:.1f} tokens/s", "bound": f"one rank: {one:.1f} tokens/s",
            "judged": 100 * median_ratio(reports["tp2_dp2"], "decode_tokens_per_s", reports["one_rank"], "decode_tokens_per_s"),
            "unit": "%", "note": f"median of turns; {100 * fraction:.1f} % of the floor"}


def serving_row(row_id, what, reports):
    """A ratio to bench throughput, which runs the same requests without a server."""
    served = median_of(reports["serving"], "output_throughput")
    plain = median_of(reports["throughput"], "output_tokens_per_s")
    return {"id": row_id, "what": what, "figure": f"{served:.1f} output tokens/s",
            "bound": f"bench throughput: {plain:.1f} tokens/s", "unit": "%",
            "judged": 100 * median_ratio(reports["serving"], "output_throughput", reports["throughput"], "output_tokens_per_s"),
            "note": f"median of turns; first token {median_of(reports['serving'], 'median_ttft_ms'):.0f} ms (median), "
                    f"{median_of(reports['serving'], 'p99_ttft_ms'):.0f} ms (p99)"}


def faults_row(results):
    """Page faults of the decode steps, if `bench latency` counted them."""
    counts = {}
    for name, measurement in results["measurements"].items():
        for report in measurement.get("reports", {}).get("braid", []):
            if name.startswith("decode/") and "decode_page_faults_per_step" in report:
                counts[name.removeprefix("decode/").replace("/", ", ")] = report["decode_page_faults_per_step"]
    if not counts:
        return None
    most = max(counts, key=counts.get)
    return {"id": "faults", "what": "page faults a decode step", "figure": f"{counts[most]:g} (most: {most} streams)",
            "bound": "0", "judged": None, "unit": "", "note": "; ".join(f"{name}: {n:g}" for name, n in counts.items())}


def ready_row(row_id, what, reports):
    seconds = median_of(reports, "seconds")
    return {"id": row_id, "what": what, "figure": f"{seconds:.2f} s", "bound": "", "judged": seconds, "unit": "s",
            "note": f"{min(r['seconds'] for r in reports):.2f} to {max(r['seconds'] for r in reports):.2f} s"}


def rows_of_measurement(name, measurement, peaks):
    """The rows of a measurement that did not fail."""
    reports = measurement["reports"]
    what = measurement["what"]
    kind = name.partition("/")[0]
    if kind == "kernels":
        return [kernel_row(m, reports["braid"], peaks) for m in KERNEL_ROWS]
    if kind == "onednn":
        return [onednn_row(m, reports["bfloat16"], peaks) for m in ONEDNN_ROWS]
    if kind in ("prefill", "prompt"):
        return [latency_row(name, what, reports["braid"][0], "prefill", peaks)]
    if kind in ("decode", "context"):
        return [latency_row(name, what, reports["braid"][0], "decode", peaks)]
    if kind == "ready":
        return [ready_row(name, what, reports["braid"])]
    if kind == "ranks":
        return [ranks_row(name, what, reports, peaks)]
    if kind == "serving":
        return [serving_row(name, what, reports)]
    return []


def rows_of(results):
    """All rows, in the order of measurement. A failed one says why in `note`."""
    peaks = peaks_of(results)
    tier = tier_of(results)
    rows = []
    for name, measurement in results["measurements"].items():
        if "failure" in measurement:
            rows.append({"id": name, "what": measurement["what"], "figure": "not measured", "bound": "", "judged": None,
                         "unit": "", "note": measurement["failure"]})
        else:
            rows += filter(None, rows_of_measurement(name, measurement, peaks))
    rows += filter(None, [faults_row(results)])
    for row in rows:
        row["at_least"], row["aim"] = (None, None) if results["quick"] else target_of(tier, row["id"])
        row["verdict"] = verdict(row["judged"], row["at_least"], row["aim"], smaller_is_better=row["unit"] == "s")
    return rows


def streams_of(results):
    """The points that bench/plot_streams draws: {model's name: [(streams, tokens/s, the roofline's tokens/s)]}."""
    peaks = peaks_of(results)
    series = {}
    for name, measurement in results["measurements"].items():
        if not name.startswith("decode/") or "failure" in measurement:
            continue
        _, model, streams = name.split("/")
        got = latency_phase(measurement["reports"]["braid"][0], "decode", peaks)
        series.setdefault(MODEL_NAMES[model], []).append((int(streams), got["tokens_per_s"], got["bound_tokens_per_s"]))
    return {model: sorted(points) for model, points in series.items()}
