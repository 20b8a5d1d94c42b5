# SPDX-License-Identifier: BSD-3-Clause
"""Latencies from the dataplane's histograms (cat_histogram.h: 32 buckets a power of two)."""
BITS = 5
PERCENTILES = (50, 90, 99, 99.9, 99.99)


def upper(index):
    """The largest value in a bucket, ns."""
    if index < 1 << BITS:
        return index
    shift = (index >> BITS) - 1
    return ((index - (shift << BITS)) << shift) + (1 << shift) - 1


def merge(latencies):
    total = {"count": 0, "sum_ns": 0, "max_ns": 0, "buckets": {}}
    for latency in latencies:
        total["count"] += latency["count"]
        total["sum_ns"] += latency["sum_ns"]
        total["max_ns"] = max(total["max_ns"], latency["max_ns"])
        flat = latency["buckets"]
        for index, number in zip(flat[::2], flat[1::2]):
            total["buckets"][index] = total["buckets"].get(index, 0) + number
    return total


def percentile_us(total, percent):
    wanted, seen = total["count"] * percent / 100, 0
    for index in sorted(total["buckets"]):
        seen += total["buckets"][index]
        if seen >= wanted:
            return min(upper(index), total["max_ns"]) / 1e3
    return 0.0


def summary(total):
    return {"count": total["count"], "mean_us": round(total["sum_ns"] / max(1, total["count"]) / 1e3, 3),
            "max_us": total["max_ns"] / 1e3,
            "percentiles": {f"{p:g}": round(percentile_us(total, p), 3) for p in PERCENTILES}}
