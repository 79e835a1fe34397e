"""What is said of the judges of a run: a sentence each, for the page, the summary and the terminal."""

from collections.abc import Mapping

from evalkit.records import Json
from evalkit.report.escape import shorten_label
from evalkit.report.numbers import NOTHING, format_count, format_money, format_percent, plural
from evalkit.results import RunResult

__all__ = ["agreement_text", "claim_judges", "format_cost"]


def claim_judges(run: RunResult) -> tuple[str, ...]:
    """Return a sentence for each judge: what it was asked, what failed, and how it does on its anchors."""
    return tuple(" ".join(_parts(judge)) for judge in run.judges)


def _parts(judge: Mapping[str, Json]) -> list[str]:
    failed: Mapping[str, int] = judge["failed"]
    name = shorten_label(judge["model"])
    answers, calls = plural(judge["judgements"], "answer"), plural(judge["calls"], "call")
    parts = [f"{name} judged {answers} for {judge['scorer']} in {calls}."]
    if failed["unparseable"]:
        parts.append(f"{plural(failed['unparseable'], 'answer')} got no verdict that can be read.")
    if failed["unanswered"]:
        parts.append(f"It could not be asked about {format_count(failed['unanswered'])}.")
    anchors = judge["anchors"]
    if anchors is None:
        parts.append("It has no anchors: nothing says how well it judges.")
    else:
        trust = "Agreement" if anchors["holds"] else "NOT TRUSTED: agreement"
        parts.append(f"{trust} with its anchors: {agreement_text(anchors)}.")
    return parts


def agreement_text(anchors: Mapping[str, Json]) -> str:
    """Return a judge's agreement with its anchors, its interval and its bound."""
    if anchors["agreement"] is None:
        return f"unknown, none of {format_count(anchors['n'])} could be asked"
    asked = anchors["n"] - anchors["unanswered"]
    bounds = f"{format_percent(anchors['lower'])} to {format_percent(anchors['upper'])}"
    bound = "" if anchors["holds"] else f", below {format_percent(anchors['min_agreement'])}"
    return f"{format_percent(anchors['agreement'])} of {format_count(asked)} ({bounds}){bound}"


def format_cost(judge: Mapping[str, Json]) -> str:
    """Return what a judge's replies cost."""
    return (
        "no price"
        if judge["price_source"] is None
        else NOTHING
        if judge["cost_usd"] is None
        else format_money(judge["cost_usd"])
    )
