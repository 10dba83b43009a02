"""Reading a profile's timeline, in Chrome's trace format."""


OPERATIONS_ROW = 1_000_000  # that of rank 0's operations among ranks


def rank_names(trace):
    return {event["tid"]: event["args"]["name"] for event in trace["traceEvents"]
            if event["name"] == "thread_name" and event["tid"] < OPERATIONS_ROW}


def rank_operations(trace, rank):
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["tid"] == OPERATIONS_ROW + rank]


def rank_spans(trace, rank):
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["tid"] == rank]


def exchanges_of_steps(trace, rank):
    """For each step: when the rank was in the exchanges of all ranks, before and after each feed-forward layer, [(begin,
    end)] in microseconds. (Those within a group do not bring all ranks together.)"""
    spans = sorted(rank_spans(trace, rank), key=lambda span: span["ts"])
    steps = {}
    for i, span in enumerate(spans):
        if span["name"] != "ffn":
            continue
        found = steps.setdefault(span["args"]["step"], [])
        first = last = i
        while first > 0 and spans[first - 1]["name"] in ("wait", "gather") and i - first < 2:
            first -= 1
        while last + 1 < len(spans) and spans[last + 1]["name"] in ("wait", "scatter") and last - i < 2:
            last += 1
        if first < i < last:
            found.append((spans[first]["ts"], span["ts"]))
            found.append((span["ts"] + span["dur"], spans[last]["ts"] + spans[last]["dur"]))
    return steps


def exchanges_overlap(trace, ranks, slack=0):
    """The share of exchanges in which all ranks were at the same time, give or take `slack` microseconds: no rank leaves
    before the last has come."""
    by_rank = [exchanges_of_steps(trace, rank) for rank in ranks]
    num_all = num_overlapping = 0
    for step in sorted(set.intersection(*(set(steps) for steps in by_rank)))[1:-1]:
        lists = [steps[step] for steps in by_rank]
        if len({len(spans) for spans in lists}) != 1:
            continue  # cut by the profile's start or end
        for spans in zip(*lists):
            num_all += 1
            num_overlapping += max(begin for begin, _ in spans) <= min(end for _, end in spans) + slack
    assert num_all > 50, f"{num_all} exchanges are too few to say anything"
    return num_overlapping / num_all
