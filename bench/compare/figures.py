# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of measured values: medians, spread, ratios of runs that were made in turns."""
import statistics

DIGITS = 4


def summary(values):
    """{median, min, max, runs} and all values, as they were measured."""
    if not values:
        return None
    return {"median": round(statistics.median(values), DIGITS), "min": round(min(values), DIGITS),
            "max": round(max(values), DIGITS), "runs": len(values), "values": [round(v, DIGITS) for v in values]}


def ratios(over, under):
    """Run by run, since what the machine did meanwhile met both. A run that failed on either side (None) counts in neither."""
    return [a / b for a, b in zip(over, under) if a is not None and b]


def best(series, length):
    """The name among {name: {length: [values]}} with the highest median at this length, or None."""
    medians = {name: statistics.median(good) for name, points in series.items()
               if (good := [v for v in points.get(length, []) if v is not None])}
    return max(medians, key=medians.get) if medians else None


def per_added_function(points):
    """Nanoseconds that one more function costs each packet: the slope of time over length by least squares.

    points: {length: packets a second in millions}.
    """
    times = {n: 1e3 / rate for n, rate in points.items() if rate}
    if len(times) < 2:
        return None
    return statistics.linear_regression(list(times), list(times.values())).slope
