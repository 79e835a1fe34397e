"""An endpoint's list of models as it comes in, page by page: when it ends, and what is wrong with it."""

from dataclasses import dataclass, field
from typing import cast

from evalkit.chat_answer import as_object, read_json
from evalkit.listed_models import ListedModel, read_listed
from evalkit.records import Json
from evalkit.triage import clean_message, server_words

__all__ = ["ModelPages"]

_MOST_PAGES = 100


@dataclass(slots=True)
class ModelPages:
    """What the pages held so far; `after` is where the next one begins, None before the first."""

    after: str | None = None
    is_open: bool = True
    _found: dict[str, ListedModel] = field(default_factory=dict[str, ListedModel])
    _pages: int = 0
    _has_list: bool = False

    @property
    def models(self) -> tuple[ListedModel, ...] | None:
        """Every model listed, in the endpoint's order; None where no list came."""
        return tuple(self._found.values()) if self._has_list else None

    @property
    def query(self) -> dict[str, str]:
        """What the next request asks for."""
        return {} if self.after is None else {"after": self.after}

    def add(self, raw: bytes) -> None:
        """Take the body of the next page.

        Raises:
            ValueError: in words fit for a sentence, when the body is no list that can be trusted to be whole.
        """
        body = _decoded(raw)
        page = as_object(body)
        rows = _rows(body)
        self.is_open = False
        if rows is None:
            _refuse_broken(page, is_later=self._pages > 0)
            return
        models = read_listed(rows)
        if rows and not models:
            raise ValueError("no row of its list has an id")
        known = len(self._found)
        for model in models:
            self._found.setdefault(model.id, model)
        self._has_list, self._pages = True, self._pages + 1
        if page.get("has_more") is True:
            self._expect_more(page, models, is_same=len(self._found) == known)

    def _expect_more(self, page: dict[str, Json], models: tuple[ListedModel, ...], *, is_same: bool) -> None:
        if is_same or not models or self._pages >= _MOST_PAGES:
            raise ValueError(f"its list says that there is more, and does not end after {self._pages} pages")
        last = page.get("last_id")
        self.after = last if isinstance(last, str) and last else models[-1].id
        self.is_open = True


def _decoded(raw: bytes) -> Json:
    try:
        return read_json(raw)
    except ValueError:
        raise ValueError("its list is not JSON") from None


def _rows(body: Json) -> list[Json] | None:
    page = as_object(body)
    rows: Json = page.get("data", page.get("models")) if page else body
    return cast("list[Json]", rows) if isinstance(rows, list) else None


def _refuse_broken(page: dict[str, Json], *, is_later: bool) -> None:
    if page.get("error"):
        raise ValueError(f"it answers with an error: {clean_message(server_words(page)) or 'without words'}")
    if is_later:
        raise ValueError("its list breaks off after a page")
