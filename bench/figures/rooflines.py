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


def peaks_of(results):
    """{dtype: {"flops_per_s", "by"}}: the best of the run, 0 if there was no product of that dtype."""
    peaks = {dtype: {"flops_per_s": 0.0, "by": ""} for dtype in ("bfloat16", "float32")}
    tier = tier_of(results)

    def raise_to(dtype, value, by):
        if value > peaks[dtype]["flops_per_s"]:
            peaks[dtype] = {"flops_per_s": value, "by": by}

    for _, _, report in all_reports(results):
        if report.get("isa") != tier:
            continue
        raise_to("bfloat16", report.get("bf16_flops_per_s", 0), "braid")
        raise_to("float32", report.get("f32_flops_per_s", 0), "braid")
        if report.get("dtype") in peaks:
            raise_to(report["dtype"], report.get("braid_flops_per_s", 0), "braid")
            raise_to(report["dtype"], report.get("onednn_flops_per_s", 0), "oneDNN")
    return peaks


def operation_bound_s(flops, num_bytes, dtype, read_bytes_per_s, peaks):
    return max(num_bytes / read_bytes_per_s, flops / peaks[dtype]["flops_per_s"])


def work_bound_s(work, read_bytes_per_s, peaks):
    """`work`: prefill_work or decode_work of `bench latency --json`."""
    return sum(operation["count"] * operation_bound_s(operation["flops"], operation["bytes"], operation["dtype"],
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
