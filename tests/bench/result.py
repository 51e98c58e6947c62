"""Numbers: medians with what most stay below, and rows of the one table."""

import random


def quantile(samples, share):
    """the smallest sample that so many percent do not exceed"""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def median(samples):
    ordered = sorted(samples)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def interval(samples):
    """of the median: what 95 % of medians of as many samples drawn from these lie between"""
    draw = random.Random(1)
    medians = [median(draw.choices(samples, k=len(samples))) for _ in range(200)]
    return quantile(medians, 3), quantile(medians, 97)


def row(part, what, unit, samples, **more):
    """samples, and with them what the table shows; more: versus=, target=(limit of median, limit of 99 %)"""
    result = {"part": part, "what": what, "unit": unit, "n": len(samples), "median": median(samples),
              "p95": quantile(samples, 95), "p99": quantile(samples, 99), "max": max(samples), **more}
    if len(samples) <= 3000:
        result["samples"] = [round(sample, 3) for sample in samples]
    if "target" in more:
        limits = dict(zip(("median", "p99"), more["target"]))
        result["met"] = all(result[key] <= limit for key, limit in limits.items())
    return result


def fact(part, what, unit, value, **more):
    """one number: limit= is the most that it may be"""
    result = {"part": part, "what": what, "unit": unit, "n": 1, "median": value, **more}
    if "limit" in more:
        result["met"] = value <= more["limit"]
    return result
