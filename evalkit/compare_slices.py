"""A paired difference slice by slice: tested where there are enough samples, adjusted over the slices tested."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalkit.comparison import SliceComparison
from evalkit.stats.multiple import benjamini_hochberg
from evalkit.stats.paired import PairedDifference, paired_difference
from evalkit.stats.pairing import ItemScores, pair_items

__all__ = ["FEWEST_TESTED", "compare_slices"]

FEWEST_TESTED = 30
"""A slice with fewer scored samples shows its difference and makes no claim."""


def compare_slices(
    first: ItemScores,
    second: ItemScores,
    slices: Mapping[str, Mapping[str, Sequence[int]]],
    *,
    confidence: float,
) -> tuple[SliceComparison, ...]:
    """Return second minus first in every slice, by key and value; `slices` maps them to places in both sides.

    p-values are adjusted over the tested slices (Benjamini and Hochberg: the share of false claims among those made).
    """
    found: list[tuple[str, str, PairedDifference]] = []
    for key, values in slices.items():
        for value, places in values.items():
            pairing = pair_items(_part(second, places), _part(first, places))
            found.append((key, value, paired_difference(pairing, confidence=confidence)))
    tested = [paired.p for _, _, paired in found if paired.n >= FEWEST_TESTED and paired.p is not None]
    adjusted = iter(benjamini_hochberg(tested))
    return tuple(
        SliceComparison(key, value, paired, next(adjusted))
        if paired.n >= FEWEST_TESTED and paired.p is not None
        else SliceComparison(key, value, _unclaimed(paired), None)
        for key, value, paired in found
    )


def _part(side: ItemScores, places: Sequence[int]) -> ItemScores:
    clusters = side.clusters
    return replace(
        side,
        ids=[side.ids[place] for place in places],
        values=[side.values[place] for place in places],
        clusters=None if clusters is None else [clusters[place] for place in places],
    )


def _unclaimed(paired: PairedDifference) -> PairedDifference:
    return replace(paired, lower=None, upper=None, p=None, method="none", p_method="none")
