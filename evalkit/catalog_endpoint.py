"""One endpoint's list of models on one night, beside what history knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from evalkit.catalog_changes import ListChanges, compare_listings
from evalkit.catalog_join import Arrival
from evalkit.history import History
from evalkit.listed_models import ListedModel, TokenPrice
from evalkit.past_runs import Listing, PastEvent
from evalkit.plan import Plan

__all__ = ["JOINED", "WAITING", "WatchedEndpoint"]

JOINED, WAITING = "model_joined", "model_waiting"
"""The kinds of events that say since when a model joins the runs of a config, or waits to."""

_DOUBTED, _NO_LIST = "list_doubted", "no_list"


@dataclass(frozen=True, slots=True)
class WatchedEndpoint:
    """One provider's endpoint on one night, with what history knows of it."""

    name: str
    plan: Plan
    history: History
    night: str

    @property
    def url(self) -> str:
        """The endpoint's address, by which its lists are kept."""
        return self.plan.providers[self.name].url

    @property
    def before(self) -> Listing | None:
        """The last list of an earlier night that was believed."""
        return self.history.listing(self.url, self.night)

    def compare(self, listed: Sequence[ListedModel]) -> ListChanges:
        """Hold tonight's list against the last one, and keep it when it is the first of tonight and is believed."""
        before, first = self.before, self._first_of_tonight()
        doubts = [event for event in self._events(_DOUBTED) if before is not None and before.night < event.at]
        changes = compare_listings(
            listed,
            before,
            provider=self.name,
            url=self.url,
            wanted=self._wanted(),
            first=first,
            was_doubted=any(event.at < self.night for event in doubts),
        )
        if changes.is_doubted:
            self._note(_DOUBTED, f"{self.url} listed {changes.listed} models instead of {changes.before}")
        elif first is None and listed:
            self.history.put_listing(self.url, self.night, [row.id for row in listed])
        return changes

    def arrivals(self, listed: Sequence[ListedModel], changes: ListChanges) -> list[Arrival]:
        """Return the listed models that are new tonight, that joined before, or that wait since another night."""
        found = {name: self._arrival(ListedModel(name)) for name in changes.new_ids}
        known = [*self._known(WAITING), *self._known(JOINED)]
        found |= {arrival.row.id: arrival for arrival in known}
        rows = {row.id: row for row in listed}
        return [replace(arrival, row=rows[name]) for name, arrival in found.items() if name in rows]

    def joined_before(self) -> list[Arrival]:
        """Return the models that joined on earlier nights: they go on where the list says nothing tonight."""
        return self._known(JOINED)

    def say_first(self, changes: ListChanges) -> list[str]:
        """Return that this is the first list, where it is."""
        said = f"{self.name} at {self.url} lists {changes.listed} models: changes are told from now on."
        return [said] if changes.since is None else []

    def say_no_list(self) -> list[str]:
        """Return that the endpoint keeps no list, on the first night that finds it so."""
        is_known = any(event.at < self.night for event in self._events(_NO_LIST))
        if not is_known:
            self._note(_NO_LIST, f"{self.url} keeps no list of models")
        return [] if is_known else [f"{self.name} at {self.url} keeps no list of models, so it is not watched."]

    def _arrival(self, row: ListedModel) -> Arrival:
        return Arrival(provider=self.name, url=self.url, row=row, seen=self.night)

    def _known(self, kind: str) -> list[Arrival]:
        """Return the models of this provider of which an event says that they joined, or wait to, as they were then."""
        found: list[Arrival] = []
        for event in self._events(kind):
            about = event.about
            if about["provider"] != self.name or event.at > self.night:
                continue
            price = None if about["price"] is None else TokenPrice(*about["price"])
            joined = event.at if kind == JOINED else None
            arrival = self._arrival(ListedModel(about["id"], price=price))
            found.append(replace(arrival, seen=about["seen"], joined=joined, label=about["label"]))
        return found

    def _first_of_tonight(self) -> Listing | None:
        tomorrow = (date.fromisoformat(self.night) + timedelta(days=1)).isoformat()
        last = self.history.listing(self.url, tomorrow)
        return last if last is not None and last.night == self.night else None

    def _wanted(self) -> dict[str, list[str]]:
        """Return the labels of the models that this night asks here, by id; none where the list is not to be heeded."""
        if not getattr(self.plan.providers[self.name], "check_models", False):
            return {}
        asked = {cell.model.label for cell in self.plan.cells} | {judge.model.label for judge in self.plan.judges}
        wanted: dict[str, list[str]] = {}
        for model in self.plan.config.models:
            if model.provider == self.name and model.label in asked:
                wanted.setdefault(model.id, []).append(model.label)
        return wanted

    def _events(self, kind: str) -> list[PastEvent]:
        found = self.history.events(self.plan.config.name, kind=kind)
        return [event for event in found if event.about.get("url") == self.url]

    def _note(self, kind: str, text: str) -> None:
        about = {"url": self.url, "provider": self.name}
        self.history.note(PastEvent(name=self.plan.config.name, at=self.night, kind=kind, text=text, about=about))
