"""What a night gives to tell: regressions, what moved, models that are gone, and a night that could not run."""

from collections.abc import Iterator, Mapping, Sequence

from evalkit.alert import Alert, AlertKind
from evalkit.alerting import COULD_NOT_RUN, NightFindings
from evalkit.errors import ExitCode
from evalkit.night_result import MetricNight, NightResult, NightState
from evalkit.records import Json
from evalkit.report.night_claims import claim_night
from evalkit.report.night_metric_claims import claim_metric, claim_move, claim_standing

__all__ = ["find_alerts"]


def find_alerts(result: NightResult, *, report: str | None) -> NightFindings:
    """Return the alerts that hold tonight, and the keys that tonight could have raised.

    An interrupted night tells nobody: whoever interrupted it knows. A check that could not be decided says nothing of
    an alert that is open.
    """
    weave = None if result.run is None else (result.run.weave or {}).get("leaderboard")
    common = {"name": result.name, "night": result.night, "report": report, "run": result.folder, "weave": weave}
    alerts = () if result.exit_code is ExitCode.INTERRUPTED else tuple(_alerts(result, common))
    return NightFindings(
        name=result.name,
        night=result.night,
        alerts=alerts,
        checked=frozenset() if result.state is not NightState.RAN else frozenset(_checked(result)),
        report=report,
        run=result.folder,
        weave=weave,
    )


def _alerts(result: NightResult, common: Mapping[str, Json]) -> Iterator[Alert]:
    if result.state is not NightState.RAN:
        _, _, title, detail = claim_night(result)
        yield Alert(kind=AlertKind.COULD_NOT_RUN, key=COULD_NOT_RUN, title=title, lines=_some(detail), **common)
    for check in result.failed_checks:
        yield Alert(
            kind=AlertKind.REGRESSION,
            key=_check_key(check, result.checks),
            title=str(check["sentence"] if "sentence" in check else check["line"]),
            severity=_severity(check),
            **common,
        )
    for metric in result.moved:
        lines = claim_metric(metric)[metric.found_tonight is not None :]
        yield Alert(
            kind=AlertKind.MOVED,
            key=_moved_key(metric, is_worse=metric.is_worse),
            title=claim_move(metric),
            lines=tuple(lines),
            severity=_moved_by(metric),
            **common,
        )
    for metric in result.metrics:
        if (
            metric.standing is not None
            and not metric.standing.is_settled
            and not (metric.has_moved and metric.is_worse)
        ):
            key = _moved_key(metric, is_worse=True)
            title, severity = claim_standing(metric), abs(metric.standing.change.difference or 0.0)
            yield Alert(kind=AlertKind.MOVED, key=key, title=title, severity=severity, **common)
    for model in result.unavailable:
        said = f"The endpoint no longer lists {model}, so it was left out of this night."
        yield Alert(kind=AlertKind.CATALOG, key=f"catalog unavailable {model}", title=said, **common)
    if result.catalog:
        title, *lines = result.catalog
        key = f"catalog {result.night}"
        yield Alert(kind=AlertKind.CATALOG, key=key, title=title, lines=tuple(lines), **common)


def _checked(result: NightResult) -> Iterator[str]:
    yield from (_check_key(check, result.checks) for check in result.checks if check["verdict"] == "pass")
    yield from (_moved_key(metric, is_worse=is_worse) for metric in result.metrics for is_worse in (True, False))
    models = () if result.run is None else {cell.model for cell in result.run.cells}
    yield from (f"catalog unavailable {model}" for model in models)


def _check_key(check: Mapping[str, Json], checks: Sequence[Mapping[str, Json]]) -> str:
    """Return a check's key among those of its gate; what it claims is in it where others have its name."""
    head = _check_name(check)
    if sum(_check_name(each) == head for each in checks) == 1:
        return head
    return f"{head} {check['claim']} {check['margin' if check['claim'] == 'max_drop' else 'threshold']:g}"


def _check_name(check: Mapping[str, Json]) -> str:
    where = f" {check['slice']}" if check.get("slice") else ""
    return f"regression {check['name']} {check['model']}{where}"


def _moved_key(metric: MetricNight, *, is_worse: bool) -> str:
    return f"moved {metric.title}{'' if is_worse else ' for the better'}"


def _moved_by(metric: MetricNight) -> float:
    """Return how far a metric moved, so that half as far again is told again."""
    change = metric.found_tonight
    if change is not None and change.before is not None and change.after is not None:
        return abs(change.after - change.before)
    return abs((None if metric.split is None else metric.split.total) or 0.0)


def _severity(check: Mapping[str, Json]) -> float:
    """Return how far past its limit a check is, in the metric's own unit, so that half as bad again is told again."""
    if check.get("estimate") is None:
        return 0.0
    drop = check["claim"] == "max_drop"
    limit = float(check["margin" if drop else "threshold"])
    return abs(float(check["estimate"])) - limit if drop else abs(float(check["estimate"]) - limit)


def _some(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
