"""What two nights measured: models and evaluations that came, went or were renamed; other samples and settings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.past_runs import PastMetric
from evalkit.records import Json
from evalkit.stored_items import MetricItems

__all__ = [
    "Measured",
    "SameCell",
    "Shift",
    "dataset_shifts",
    "list_some",
    "membership_shifts",
    "same_cells",
    "setting_shifts",
]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Shift:
    """One thing that changed, as a sentence without its full stop; `is_worse` where the night's headline names it."""

    text: str
    is_worse: bool = False

    def describe(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"text": self.text, "worse": self.is_worse}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a night measured: its metrics as history sums them up, and their samples."""

    metrics: Sequence[PastMetric]
    items: Sequence[MetricItems]


@dataclass(frozen=True, slots=True)
class SameCell:
    """One evaluation of one model on both nights."""

    name: str
    before: PastMetric
    after: PastMetric
    items: tuple[MetricItems, MetricItems]


def same_cells(before: Measured, tonight: Measured) -> list[SameCell]:
    """Return what both nights measured."""
    first, second = ({(each.evaluation, each.model): each for each in side.metrics} for side in (before, tonight))
    items = [{(each.evaluation, each.model): each for each in side.items} for side in (before, tonight)]
    return [
        SameCell(f"{key[0]} of {key[1]}", first[key], second[key], (items[0][key], items[1][key]))
        for key in second
        if key in first and key in items[0] and key in items[1]
    ]


def membership_shifts(before: Measured, tonight: Measured) -> Iterator[Shift]:
    """Yield what came and what went: whole models and evaluations first, then single metrics."""
    sides = [
        [(each.model, each.evaluation, each.scorer, each.series) for each in night.metrics]
        for night in (before, tonight)
    ]
    gone, new = (
        [row for row in side if row[:3] not in {each[:3] for each in other}] for side, other in (sides, sides[::-1])
    )
    for part, noun in ((0, "model"), (1, "evaluation")):
        left, came = _whole(gone, sides[1], part), _whole(new, sides[0], part)
        for name in left:
            same = next((each for each in came if _is_renamed(name, each, part, (before, tonight))), None)
            gone = [row for row in gone if row[part] != name]
            if same is None:
                yield Shift(f"the {noun} {name} is no longer measured", is_worse=True)
                continue
            came.remove(same)
            new = [row for row in new if row[part] != same]
            yield Shift(f"the {noun} {name} is now called {same}, and its series start anew")
        for name in came:
            new = [row for row in new if row[part] != name]
            yield Shift(f"the {noun} {name} is new")
    yield from (Shift(f"{row[1]}.{row[2]} of {row[0]} is no longer measured", is_worse=True) for row in gone)
    yield from (Shift(f"{row[1]}.{row[2]} of {row[0]} is new") for row in new)


def _whole(rows: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]], part: int) -> list[str]:
    """Return the models, or evaluations, of some rows of one night that the other night has none of."""
    known = {row[part] for row in other}
    return list(dict.fromkeys(row[part] for row in rows if row[part] not in known))


def _is_renamed(old: str, new: str, part: int, nights: tuple[Measured, Measured]) -> bool:
    """Say whether two names stand for one thing: one model id that was asked, or one set of series."""
    found: list[object] = []
    for name, night in zip((old, new), nights, strict=True):
        if part == 0:
            asked = {str(each.treatment.get("model")) for each in night.items if each.model == name}
            found.append(asked)
        else:
            found.append({(each.model, each.scorer, each.series) for each in night.metrics if each.evaluation == name})
    return bool(found[0]) and found[0] == found[1]


def dataset_shifts(cells: Sequence[SameCell]) -> Iterator[Shift]:
    """Yield, once an evaluation, which of its samples went, came or read otherwise."""
    told: set[str] = set()
    for cell in cells:
        evaluation = cell.after.evaluation
        if evaluation in told or cell.before.setting.get("dataset") == cell.after.setting.get("dataset"):
            continue
        told.add(evaluation)
        first, second = (dict(zip(each.ids, each.digests, strict=True)) for each in cell.items)
        counts = {
            "gone": len(first.keys() - second.keys()),
            "new": len(second.keys() - first.keys()),
            "changed": sum(first[name] != second[name] for name in first.keys() & second.keys()),
        }
        said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "another order"
        yield Shift(
            f"the dataset of {evaluation} changed, from {len(first):,} to {len(second):,} samples ({said}):"
            " drift starts anew"
        )


def setting_shifts(before: Measured, tonight: Measured) -> Iterator[Shift]:
    """Yield what else starts a series anew: prompts, parameters, scorers and judges that are no longer the same."""
    known = {(each.model, each.name): each.setting for each in before.metrics}
    found: dict[str, list[str]] = {}
    for each in tonight.metrics:
        was = known.get((each.model, each.name), each.setting)
        parts = [name for name in each.setting if name != "dataset" and was.get(name) != each.setting[name]]
        if parts:
            found.setdefault(" and ".join(parts), []).append(f"{each.name} of {each.model}")
    for parts, names in found.items():
        yield Shift(f"the {parts} changed for {list_some(names)}: drift starts anew")


def list_some(said: Sequence[str]) -> str:
    """Return the first few of a list, and how many more there are."""
    more = f"; and {len(said) - _SHOWN:,} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more
