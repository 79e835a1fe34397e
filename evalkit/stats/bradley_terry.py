"""Ratings from pairwise wins: the Bradley-Terry model by maximum likelihood, with standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["Rating", "bradley_terry"]

_MAX_STEPS = 100
_CLOSE = 1e-12
_ELO_CENTRE = 1000.0
_ELO_SCALE = 400 / math.log(10)


@dataclass(frozen=True, slots=True)
class Rating:
    """One side's log-strength; those of all sides sum to 0. The standard error is under the same constraint."""

    theta: float
    standard_error: float

    @property
    def elo(self) -> float:
        """The rating on the scale of chess: 1000 on average, 400 points for odds of 10 to 1."""
        return _ELO_CENTRE + _ELO_SCALE * self.theta


def bradley_terry(wins: Sequence[Sequence[float]]) -> tuple[Rating, ...]:
    """Return each side's rating from wins[i][j], the times i beat j; a tie is half a win each.

    P(i beats j) = 1 / (1 + exp(theta_j - theta_i)); Newton steps on the log-likelihood, standard errors from the
    pseudo-inverse of the information. Matrices are m x m.

    Raises:
        ValueError: the wins are not a square matrix of counts, or do not connect every side with every other: then
            some ratings would be infinite.
    """
    count = len(wins)
    if any(len(row) != count or any(not value >= 0 for value in row) for row in wins):
        raise ValueError("wins must be a square matrix of counts")
    if not _is_connected(wins):
        raise ValueError("not identified: someone never lost to, or never met, the others; rate connected sides apart")
    numpy: Any = import_module("numpy")
    matrix = numpy.array(wins, dtype=float)
    numpy.fill_diagonal(matrix, 0.0)
    games, won = matrix + matrix.T, matrix.sum(axis=1)
    theta, inverse = numpy.zeros(count), numpy.zeros((count, count))
    for _ in range(_MAX_STEPS):
        chance = 1 / (1 + numpy.exp(theta[None, :] - theta[:, None]))
        weight = games * chance * (1 - chance)
        inverse = numpy.linalg.pinv(numpy.diag(weight.sum(axis=1)) - weight, hermitian=True)
        step = inverse @ (won - (games * chance).sum(axis=1))
        theta = theta + step / max(1.0, float(numpy.abs(step).max()))
        if float(numpy.abs(step).max()) < _CLOSE:
            break
    theta = theta - theta.mean()
    errors = numpy.sqrt(numpy.diag(inverse))
    return tuple(Rating(float(t), float(e)) for t, e in zip(theta, errors, strict=True))


def _is_connected(wins: Sequence[Sequence[float]]) -> bool:
    """Tell whether everyone beat everyone, directly or through others (the graph is strongly connected)."""
    count = len(wins)
    ways = ([[wins[i][j] > 0 for j in range(count)] for i in range(count)],)
    ways = (*ways, [[wins[j][i] > 0 for j in range(count)] for i in range(count)])
    return all(len(_reached(way)) == count for way in ways)


def _reached(way: Sequence[Sequence[bool]]) -> set[int]:
    reached, left = {0} if way else set[int](), [0] if way else []
    while left:
        here = left.pop()
        new = {there for there, leads in enumerate(way[here]) if leads} - reached
        reached |= new
        left += new
    return reached
