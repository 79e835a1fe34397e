"""An endpoint's models as a table for a terminal: as wide as it is, and plain where it is none."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.listed_models import IMAGES, TokenPrice
from evalkit.offerings import Offering, Offerings, Status
from evalkit.report.numbers import NOTHING
from evalkit.report.terminal import clean_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_models", "summarize"]

_WIDTH_OF_A_PIPE = 140
_WIDE = 96
"""Columns that a terminal needs for every column of the table; a narrower one goes without the parameters."""
_STYLES = {Status.NEW: "green", Status.MISSING: "yellow", Status.UNKNOWN: "red"}
_SHOWN = {Status.UNCHECKED: "?"}
_THOUSAND, _MILLION, _BILLION, _TRILLION = 10**3, 10**6, 10**9, 10**12
_CENTS_FROM = 0.1


def print_models(title: str, found: Offerings) -> None:
    """Print a provider's models to stdout: its title, how many there are of each kind, and the table."""
    from rich.console import Console

    console = Console(
        file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    )
    console.print(f"{clean_text(title)}\n{summarize(found)}", soft_wrap=True)
    if found.models:
        console.print(_table(console, found.models))
    if any(model.labels for model in found.models):
        console.print("* is asked for by the config")


def summarize(found: Offerings) -> str:
    """Return what there is, in a line."""
    said = [f"{found.count(Status.KNOWN) + found.count(Status.NEW)} served"]
    if found.count(Status.UNCHECKED):
        said = [f"{found.count(Status.UNCHECKED)} in the catalogue; which of them are served is not known"]
    if count := found.count(Status.NEW):
        said.append(f"{count} of them new to the catalogue")
    if count := found.count(Status.MISSING):
        said.append(f"{count} of the catalogue missing")
    return "; ".join(said)


def _table(console: "Console", models: Sequence[Offering]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    is_wide = console.width >= _WIDE
    marks = any(model.labels for model in models)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("model", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("context", justify="right", no_wrap=True)
    table.add_column("takes", no_wrap=True)
    if is_wide:
        table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("USD/M in/out" if is_wide else "USD/M", justify="right", no_wrap=True)
    for model in models:
        mark = ("* " if model.labels else "  ") if marks else ""
        table.add_row(
            Text(f"{mark}{_plain(model.id)}"),
            Text(_SHOWN.get(model.status, model.status.value), style=_STYLES.get(model.status, "")),
            _window(model.context_window),
            _taken(model.modality),
            *([_parameters(model)] if is_wide else []),
            _price(model.price),
        )
    return table


def _plain(name: str) -> str:
    return " ".join(clean_text(name).split()).encode("utf-8", "backslashreplace").decode()


def _window(tokens: int | None) -> str:
    """Return a number of tokens, rounded down, so that it never says too much."""
    if tokens is None:
        return NOTHING
    if tokens < _THOUSAND:
        return str(tokens)
    return f"{tokens // _THOUSAND}K" if tokens < _MILLION else f"{tokens * 100 // _MILLION / 100:g}M"


def _taken(modality: frozenset[str] | None) -> str:
    if modality is None:
        return NOTHING
    return "vision" if IMAGES in modality else "text"


def _parameters(model: Offering) -> str:
    if model.total_parameters is None:
        return NOTHING
    if model.active_parameters is None:
        return _size(model.total_parameters)
    return f"{_size(model.active_parameters)} of {_size(model.total_parameters)}"


def _size(number: int) -> str:
    return f"{number / _TRILLION:g}T" if number >= _TRILLION else f"{number / _BILLION:g}B"


def _price(price: TokenPrice | None) -> str:
    return NOTHING if price is None else f"{_dollars(price.input)}/{_dollars(price.output)}"


def _dollars(usd: float) -> str:
    return f"{usd:.2f}" if usd >= _CENTS_FROM or not usd else f"{usd:.3g}"
