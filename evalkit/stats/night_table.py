"""Many nights' scores of the same samples, each night beside the first: mean differences, errors, re-run noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.stats.intervals import FEW_CLUSTERS

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
    Places = np.ndarray[tuple[int], np.dtype[np.int64]]
    Table = np.ndarray[tuple[int, int], np.dtype[np.float64]]

__all__ = ["NightTable", "night_table"]

_AT_ONCE = 1 << 15
"""How many scores are worked on together: 256 KB, what a core's cache holds."""
_ZERO_VARIANCE = 1e-18


@dataclass(frozen=True, slots=True, eq=False)
class NightTable:
    """Every night against the first: samples scored on both, and the paired mean difference with its standard error.

    `centres` are what the errors belong to: the means, but for right-or-wrong scores those with two pseudo-samples.
    `freedom` is 0 where there is too little for an error. `variances` are the night's own estimates of the variance
    that re-running gives to its mean, from the last night before with enough pairs; 0 where there was none.
    """

    paired: "Places"
    means: "Numbers"
    centres: "Numbers"
    errors: "Numbers"
    freedom: "Places"
    variances: "Numbers"


def night_table(
    rows: "Sequence[Numbers]", *, weight: float | None, groups: "Places | None" = None, least: float = 0.0
) -> NightTable:
    """Compare nights with the first one; NaN is no score, and every row has the same samples in the same order.

    Differences as in `evalkit.stats.paired`, for all nights at once: augmented with two pseudo-samples of `weight` for
    right-or-wrong scores; None stands for others, which have plain errors and the augmented one where those are 0.
    `groups` are the samples' groups, numbered from 0; errors are CR1 then. Re-run noise is half the squared change of
    samples' scores (of groups' sums) between a night and the one before it, over the squared number of samples; nights
    that pair fewer than `least` samples with the first are passed over.
    """
    import numpy as np

    found: list[tuple[Numbers, ...]] = []
    before = rows[0]
    step = max(1, _AT_ONCE // max(1, len(before)))
    for start in range(0, len(rows), step):
        part = np.stack(rows[start : start + step])
        differences = part - rows[0]
        columns = _columns(differences, weight, groups)
        whole = np.flatnonzero(columns[0] >= least)
        noise = np.zeros(len(part))
        if len(whole):
            earlier = np.concatenate([before[None, :], part[whole[:-1]]])
            noise[whole] = _halves(part[whole] - earlier, groups)
            before = part[whole[-1]]
        found.append((*columns, noise))
    paired, means, centres, errors, freedom, variances = (np.concatenate(column) for column in zip(*found, strict=True))
    return NightTable(paired.astype(np.int64), means, centres, errors, freedom.astype(np.int64), variances)


def _columns(differences: "Table", weight: float | None, groups: "Places | None") -> "tuple[Numbers, ...]":
    """Return by night: pairs, mean, centre, standard error, degrees of freedom."""
    import numpy as np

    valid = ~np.isnan(differences)
    values = np.where(valid, differences, 0.0)
    counts = valid.sum(axis=1).astype(np.float64)
    sums = values.sum(axis=1)
    units, fewest = counts, 2
    if groups is not None:
        units = (_totals(valid.astype(np.float64), groups) > 0).sum(axis=1).astype(np.float64)
        fewest = FEW_CLUSTERS
    with np.errstate(divide="ignore", invalid="ignore"):
        means, ratio = sums / counts, units / (units - 1)
        added = 1.0 if weight is None else weight
        total = counts + 2 * added
        centres = sums / total
        pseudo = added * ((1 - centres) ** 2 + (1 + centres) ** 2)
        factor = np.ones_like(ratio) if groups is None else ratio
        variances = (factor * _squares(values, valid, centres, groups) + pseudo) / total**2
        if weight is None:
            plain = ratio * _squares(values, valid, means, groups) / counts**2
            is_plain = plain >= _ZERO_VARIANCE
            variances[is_plain], centres[is_plain] = plain[is_plain], means[is_plain]
    is_enough = units >= fewest
    variances[~is_enough] = np.nan
    return counts, means, centres, np.sqrt(variances), np.where(is_enough, units - 1, 0.0)


def _squares(values: "Table", valid: "Table", centres: "Numbers", groups: "Places | None") -> "Numbers":
    """Return the sum of squared errors about the centres, of groups' sums where there are groups."""
    import numpy as np

    errors = np.where(valid, values - centres[:, None], 0.0)
    if groups is not None:
        errors = _totals(errors, groups)
    return np.einsum("ij,ij->i", errors, errors)


def _halves(changes: "Table", groups: "Places | None") -> "Numbers":
    """Return half the squared changes over the squared number of samples that have one."""
    import numpy as np

    valid = ~np.isnan(changes)
    values = np.where(valid, changes, 0.0)
    counts = np.maximum(1, valid.sum(axis=1))
    if groups is not None:
        values = _totals(values, groups)
    return np.einsum("ij,ij->i", values, values) / 2 / counts.astype(np.float64) ** 2


def _totals(table: "Table", groups: "Places") -> "Table":
    """Return each night's sums by group."""
    import numpy as np

    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.add.reduceat(table[:, order], starts, axis=1)
