"""Tells a difference between two sets of runs from the noise between runs.

Were A and B the same, it would not matter which of the runs are called A's: a difference counts when hardly any other way
to divide all runs shows one as large. That is a permutation test. It supposes nothing about how figures are spread, needs
few runs, and keeps together what one run measured, so that figures which move together count as that. Since the largest
difference among all figures is what each has to beat, the more figures there are the more it takes: two sets of the same
have one chance in twenty that anything at all is called different (single-step maxT: Westfall and Young,
Resampling-Based Multiple Testing, Wiley 1993, ch. 2). Why it takes several runs, each with a server of its own: Georges,
Buytaert and Eeckhout, Statistically Rigorous Java Performance Evaluation, OOPSLA 2007, doi 10.1145/1297027.1297033.
"""

import math
import random
from itertools import combinations

# What chance two sets of the same have that something is called different.
LEVEL = 0.05
# Of each set. With five there are 252 ways to divide the runs.
FEWEST_RUNS = 5
# With more runs there are too many ways to try all of them: so many are drawn.
MOST_WAYS = 1000


def chances(a, b):
    """How likely, for each figure, chance alone makes some difference as large as this one's.

    `a` and `b` are lists of runs; a run is a list of figures, in the same order in each.
    """
    runs = list(zip(*(standardized(figure) for figure in zip(*a, *b))))
    found = totals(runs, range(len(a)))
    largest = [max(totals(runs, way)) for way in ways(len(runs), len(a))]
    return [share(largest, total) for total in found]


def standardized(values):
    """The values with mean 0 and spread 1: figures of all sizes and units are compared by that."""
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values))
    return [(value - mean) / spread if spread > 0 else 0.0 for value in values]


def totals(runs, chosen):
    """How far the sum of each figure over the chosen runs is from 0: the further, the more these differ from the rest.

    Among standardized values, this orders the ways to divide them as Student's t does.
    """
    return [abs(sum(figure)) for figure in zip(*(runs[place] for place in chosen))]


def ways(n, n_chosen):
    """Every way to choose so many of n runs; where there are too many, the first and others drawn, the same each time."""
    if math.comb(n, n_chosen) <= MOST_WAYS:
        return list(combinations(range(n), n_chosen))
    dice = random.Random(1)
    return [range(n_chosen), *(dice.sample(range(n), n_chosen) for _ in range(MOST_WAYS - 1))]


def share(values, least):
    """How many of the values are as large, as a part of all."""
    # Sums in another order differ in the last digits.
    return sum(value >= least - 1e-9 for value in values) / len(values)
