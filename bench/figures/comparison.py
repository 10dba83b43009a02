"""Compares the rounds of several engines: medians, ratios, a table. Pure functions."""

from statistics import median_low


def medians(rounds):
    """A round of medians; each is taken over the rounds that have the figure."""
    def of(values):
        values = [value for value in values if value is not None]
        return median_low(values) if values else None
    streams = sorted({count for one in rounds for count in one["decode"]})
    return {"prefill": of([one.get("prefill") for one in rounds]),
            "decode": {count: of([one["decode"].get(count) for one in rounds]) for count in streams}}


def shares_of_roofline(rounds):
    """The medians of braid's roofline fractions, {"prefill": …, streams: …}."""
    shares = {"prefill": median_low([one["prefill_floor_fraction"] for one in rounds])}
    for count in rounds[0]["decode_floor_fraction"]:
        shares[count] = median_low([one["decode_floor_fraction"][count] for one in rounds])
    return shares


def comparison_table(rounds):
    """A table in Markdown. `rounds`: {engine: [round]}, braid first. Ratios are braid's speed over the other's."""
    names = list(rounds)
    rates = {name: medians(rounds[name]) for name in names}
    shares = shares_of_roofline(rounds["braid"])
    header = ["tokens/s", "braid", "of the floor"] + [cell for name in names[1:] for cell in (name, "braid is")]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for key, label in [("prefill", "prefill")] + [(count, f"decode, {count} streams") for count in rates["braid"]["decode"]]:
        values = [rates[name]["prefill"] if key == "prefill" else rates[name]["decode"].get(key) for name in names]
        cells = [label, f"{values[0]:.1f}", f"{100 * shares[key]:.0f} %"]
        for value in values[1:]:
            cells += [f"{value:.1f}", f"{values[0] / value:.2f}x"] if value else ["–", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def streams_by_engine(rounds):
    """The points that bench/plot_streams draws beside braid's: {engine: [[streams, tokens/s]]}."""
    return {name: [[count, rate] for count, rate in medians(own)["decode"].items() if rate] for name, own in rounds.items() if name != "braid"}
