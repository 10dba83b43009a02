"""Rooflines from the programs' reports: the least time for some bytes and floating-point operations on this machine.

The ceiling for floating-point operations is the best rate that any product of that dtype and tier sustained in the whole run, braid's
or oneDNN's. The ceiling for bytes is from the program's own run, because a shared machine's bandwidth changes from minute to minute.
"""


def all_reports(results):
    """Every report of a run: (measurement's id, program's label, report)."""
    for name, measurement in results["measurements"].items():
        for label, reports in measurement.get("reports", {}).items():
            for report in reports:
                yield name, label, report


def tier_of(results):
    """braid's tier, "" if no report has it."""
    return next((report["isa"] for _, _, report in all_reports(results) if "isa" in report), "")


# What products multiply, and braid's name for its peak.
ARITHMETICS = {"bfloat16": "bf16_flops_per_s", "float32": "f32_flops_per_s", "int8": "int8_ops_per_s", "few_bits": "few_bits_ops_per_s"}


def peaks_of(results):
    """{arithmetic: {"flops_per_s", "by"}}: the best of the run, 0 if there was no such product."""
    peaks = {arithmetic: {"flops_per_s": 0.0, "by": ""} for arithmetic in ARITHMETICS}
    tier = tier_of(results)

    def raise_to(dtype, value, by):
        if value > peaks[dtype]["flops_per_s"]:
            peaks[dtype] = {"flops_per_s": value, "by": by}

    for _, _, report in all_reports(results):
        if report.get("isa") != tier:
            continue
        for arithmetic, key in ARITHMETICS.items():
            raise_to(arithmetic, report.get(key, 0), "braid")
        if report.get("dtype") in peaks:
            raise_to(report["dtype"], report.get("braid_flops_per_s", 0), "braid")
            raise_to(report["dtype"], report.get("onednn_flops_per_s", 0), "oneDNN")
    return peaks


def operation_bound_s(flops, num_bytes, arithmetic, read_bytes_per_s, peaks):
    return max(num_bytes / read_bytes_per_s, flops / peaks[arithmetic]["flops_per_s"])


def work_bound_s(work, read_bytes_per_s, peaks):
    """`work`: prefill_work or decode_work of `bench latency --json`."""
    return sum(operation["count"] * operation_bound_s(operation["flops"], operation["bytes"], operation["arithmetic"],
                                                      read_bytes_per_s, peaks) for operation in work)


def latency_phase(report, phase, peaks):
    """One phase of a `bench latency` report: tokens a second, the roofline's tokens a second, and their ratio."""
    tokens_per_s = report[f"{phase}_tokens_per_s"]
    bound_s = work_bound_s(report[f"{phase}_work"], report["read_bytes_per_s"], peaks)
    if phase == "decode":
        tokens = report["batch_size"] * report["num_decode_steps"]
    else:
        tokens = report["batch_size"] * report["input_len"]
    bound_tokens_per_s = tokens / bound_s
    return {"tokens_per_s": tokens_per_s, "bound_tokens_per_s": bound_tokens_per_s,
            "fraction": tokens_per_s / bound_tokens_per_s}
