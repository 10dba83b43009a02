"""A run as Markdown: the machine, its ceilings, and each row beside its roofline and its target."""

from .rooflines import peaks_of, tier_of
from .rows import rows_of
from .targets import CLASS_OF_TIER

COLUMNS = ["what", "measured", "floor, same run", "of it", "at least", "aim", "", "note"]


def in_unit(value, unit):
    if value is None:
        return ""
    return {"%": f"{value:.1f} %", "x": f"{value:.2f}x", "s": f"{value:.2f} s"}.get(unit, f"{value:g}")


def target_text(value, row):
    if value is None:
        return ""
    unit = row["unit"] or "%"
    return f"{value:g}{'x' if unit == 'x' else ' ' + unit}"


def gflops(value):
    return f"{value * 1e-9:.1f} GFLOP/s"


def ceilings_lines(results):
    """The best speeds of the multiply instructions, and the peaks that the rooflines use."""
    lines = []
    peaks = peaks_of(results)
    for dtype in ("bfloat16", "float32"):
        peak = peaks[dtype]
        if peak["flops_per_s"] > 0:
            lines.append(f"- {dtype}: the best product of the run {gflops(peak['flops_per_s'])} ({peak['by']})")
    for report in results["measurements"].get("roofline", {}).get("reports", {}).get("braid", []):
        for dtype in ("bf16", "f32"):
            rates = [f"{gflops(report[f'{dtype}_{source}_flops_per_s'])} from {name}"
                     for source, name in (("register", "registers"), ("l1", "L1"), ("l2", "L2"))]
            lines.append(f"- {dtype}, {report[f'{dtype}_instruction']}: {', '.join(rates)}")
        lines.append(f"- read: {report['read_bytes_per_s'] * 1e-9:.1f} GB/s")
    return lines


def markdown_row(cells):
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table_of(results):
    tier = tier_of(results)
    processor_class = CLASS_OF_TIER.get(tier)
    lines = [f"{results['processor']}, {results['threads']} threads of {results['cores']} cores, tier `{tier or 'unknown'}`; "
             f"{results['date']}, commit {results['commit']}; medians of {results['repeats']}"
             + ("; **a smoke test on tiny models, no figures**" if results["quick"] else "") + ".",
             f"Targets: those for {processor_class}." if processor_class else "No targets were set for this processor."]
    ceilings = ceilings_lines(results)
    lines += [""] + ceilings if ceilings else []
    lines += ["", markdown_row(COLUMNS), "|" + " --- |" * len(COLUMNS)]
    for row in rows_of(results):
        lines.append(markdown_row([row["what"], row["figure"], row["bound"], in_unit(row["judged"], row["unit"]),
                                   target_text(row["at_least"], row), target_text(row["aim"], row), row["verdict"],
                                   row["note"]]))
    return "\n".join(lines) + "\n"
