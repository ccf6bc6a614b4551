"""The Mann-Whitney U test: do two samples differ by more than chance? With the normal approximation for large samples.

H. B. Mann and D. R. Whitney, 1947, https://doi.org/10.1214/aoms/1177730491
"""

from collections.abc import Sequence
from itertools import groupby
from statistics import NormalDist


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value, with the corrections for ties and for continuity."""
    ordered = sorted([(value, True) for value in first] + [(value, False) for value in second])
    rank, rank_sum, ties = 0, 0.0, 0
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        tied = list(group)
        rank_sum += (rank + (len(tied) + 1) / 2) * sum(is_first for _, is_first in tied)
        rank += len(tied)
        ties += len(tied) ** 3 - len(tied)
    n, m = len(first), len(second)
    u = rank_sum - n * (n + 1) / 2
    variance = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
    if variance == 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / variance**0.5
    return 2 * (1 - NormalDist().cdf(z))
