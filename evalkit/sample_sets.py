"""Which cells of a plan ask about the same samples: their metrics move together, and an average must know it."""

from collections.abc import Mapping

from evalkit.config.schema import DatasetSpec
from evalkit.dataset import Dataset
from evalkit.plan import Plan

__all__ = ["find_sample_sets"]

_LOCATION = ("path", "hf", "config", "split", "revision", "weave", "python")


def find_sample_sets(plan: Plan) -> Mapping[str, str]:
    """Return for each cell, by its key, the name of its set of samples: equal names join by sample id.

    Datasets share a set when their contents are equal, when they are read from the same place (whatever part of it,
    whatever is made of its columns), or when a sample of one id has the same input in both. Equal ids alone say
    nothing.
    """
    sets: dict[str, str] = {}
    specs = plan.config.datasets
    for name in dict.fromkeys(cell.dataset.name for cell in plan.cells):
        akin = (other for other in sets if _is_same_place(specs.get(name), specs.get(other)))
        akin = (*akin, *(other for other in sets if _shares_samples(plan.datasets[name], plan.datasets[other])))
        sets[name] = sets[akin[0]] if akin else name
    return {cell.key: sets[cell.dataset.name] for cell in plan.cells}


def _is_same_place(first: DatasetSpec | None, second: DatasetSpec | None) -> bool:
    if first is None or second is None:
        return False
    places = [[getattr(spec, part) for part in _LOCATION] for spec in (first, second)]
    return any(places[0]) and places[0] == places[1]


def _shares_samples(first: Dataset, second: Dataset) -> bool:
    if first.digest == second.digest:
        return True
    inputs = {sample.id: sample.input for sample in first.samples}
    return any(inputs.get(sample.id) == sample.input for sample in second.samples if sample.id in inputs)
