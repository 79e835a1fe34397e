"""An endpoint's list of models beside the one before: what is new, gone or renamed, and whether to believe it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evalkit.listed_models import ListedModel
from evalkit.model_names import is_same_model, nearest_models
from evalkit.past_runs import Listing
from evalkit.preflight import find_missing, name_missing

__all__ = ["ListChanges", "compare_listings", "list_sentences"]

_FEWEST_KEPT = 0.5
_MOST_NAMED = 5
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanges:
    """What an endpoint lists tonight against its last list that was believed, of the night `since`; None: its first.

    `listed` counts tonight's ids, `before` those of then. `renamed` are pairs of an id that is gone and a new one that
    looks like the same model; they are in neither of `added` and `removed`. `is_doubted` when the list shrank so much
    that it is taken for a fault: then nothing counts as added, removed or renamed. `missing` maps the ids that the
    config asks for and the list lacks to their labels; `hints` says of each what it may be meant for.
    """

    provider: str
    url: str
    since: str | None
    listed: int
    before: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    is_doubted: bool = False
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    hints: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def unavailable(self) -> tuple[str, ...]:
        """The labels of the config's models that are not listed."""
        return tuple(label for labels in self.missing.values() for label in labels)

    @property
    def new_ids(self) -> tuple[str, ...]:
        """Every id that was not listed before, be it new or a new name."""
        return tuple(sorted((*self.added, *(new for _, new in self.renamed))))


def compare_listings(
    listed: Sequence[ListedModel],
    before: Listing | None,
    *,
    provider: str,
    url: str,
    wanted: Mapping[str, Sequence[str]],
    first: Listing | None = None,
    was_doubted: bool = False,
) -> ListChanges:
    """Compare tonight's list with the last one; `wanted` maps the config's model ids to their labels.

    `first` is what was listed earlier tonight: then that decides what is new and what is gone, so that a night which
    is run again finds the same; what is missing is what the endpoint lacks now.

    A list that is empty, or lost more than half of its ids, is doubted; one that is not empty is believed when an
    earlier night found it short as well (`was_doubted`). A model that the config asks for and a list lacks is missing
    either way: the endpoint would refuse it.
    """
    ids = {row.id for row in listed} if first is None else set(first.ids)
    known = set(() if before is None else before.ids)
    missing = {each: tuple(wanted[each]) for each in find_missing(list(wanted), listed)} if listed else {}
    changes = ListChanges(
        provider=provider,
        url=url,
        since=None if before is None else before.night,
        listed=len(ids),
        before=len(known),
        missing=missing,
        hints={each: name_missing([each], listed) for each in missing},
        is_doubted=bool(known) and (not ids or (not was_doubted and len(ids) < _FEWEST_KEPT * len(known))),
    )
    if before is None or changes.is_doubted:
        return changes
    added, removed = sorted(ids - known), sorted(known - ids)
    renamed = _renamed(removed, added)
    paired = {each for pair in renamed for each in pair}
    return replace(
        changes,
        added=tuple(each for each in added if each not in paired),
        removed=tuple(each for each in removed if each not in paired),
        renamed=renamed,
    )


def list_sentences(changes: ListChanges) -> tuple[str, ...]:
    """Return what changed in sentences worth telling somebody; none where nothing did."""
    where = f"{changes.provider} at {changes.url}"
    told = [
        f"{' and '.join(labels)} could not run: {where} does not list {changes.hints[each]}."
        for each, labels in changes.missing.items()
    ]
    if changes.is_doubted:
        was = f"{_count(changes.before, 'model')} on {changes.since}"
        said = f"{where} lists {_count(changes.listed, 'model')} where it listed {was}"
        told.append(f"{said}: taken for a fault of the list, so nothing counts as new or gone.")
    told += [
        f"{where}: {old} is gone and {new} is new since {changes.since}: looks renamed." for old, new in changes.renamed
    ]
    for ids, what in ((changes.removed, "no longer listed"), (changes.added, "newly listed")):
        if ids:
            told.append(f"{where}: {_count(len(ids), 'model')} {what} since {changes.since}: {_named(ids)}.")
    return tuple(told)


def _renamed(removed: Sequence[str], added: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pair each id that is gone with the new one that names the same model best; each new one once."""
    left, found = list(added), list[tuple[str, str]]()
    for old in removed:
        near = [*nearest_models(old, left), *(new for new in left if is_same_model(old, new))]
        if (match := next((new for new in near if _is_new_name(old, new)), None)) is not None:
            found.append((old, match))
            left.remove(match)
    return tuple(found)


def _is_new_name(old: str, new: str) -> bool:
    """Tell whether two near ids may be one model: another size or version is another model."""
    return is_same_model(old, new) or _NUMBERS.findall(old) == _NUMBERS.findall(new)


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return ", ".join(ids[:_MOST_NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
