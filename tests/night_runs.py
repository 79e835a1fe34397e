"""Real run folders of many nights, registered in a history: every sample answers as its script says."""

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from evalkit.cli.run import load_plan
from evalkit.history import History
from evalkit.past_runs import PastRun
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder

FIRST_NIGHT = date(2026, 10, 1)

Outcomes = Mapping[str, Mapping[str, str]]
"""Model -> sample -> its nights, oldest first: 1 right, 0 wrong."""


def night_of(place: int) -> str:
    return (FIRST_NIGHT + timedelta(days=place)).isoformat()


def make_nights(
    folder: Path, outcomes: Outcomes, *, places: Sequence[int] | None = None, **sections: Any
) -> list[PastRun]:
    """Run each night through the runner into `reports/nightly/` and register it; `sections` change the config."""
    nights = len(next(iter(next(iter(outcomes.values())).values())))
    with History(folder / ".evalkit" / "history.sqlite") as history:
        return [_night(folder, history, outcomes, place, sections) for place in places or range(nights)]


def _night(folder: Path, history: History, outcomes: Outcomes, place: int, sections: Mapping[str, Any]) -> PastRun:
    config = folder / f"night-{place}.json"
    config.write_text(json.dumps(_config(outcomes, place) | sections), encoding="utf-8")
    made = RunFolder(
        folder / "reports" / "nightly" / f"{FIRST_NIGHT + timedelta(days=place):%Y%m%d}T030000-{place:04x}"
    )
    made.path.mkdir(parents=True)
    asyncio.run(run_plan(load_plan(config, None, ()), made, weave=WeaveTarget("off", "")))
    run = made.load()
    times = {"started_at": f"{night_of(place)}T03:00:00.000+00:00", "ended_at": f"{night_of(place)}T03:05:00.000+00:00"}
    run = dataclasses.replace(run, run_id=made.path.name, **times)
    made.save(run)
    return history.register(made, run, kind="nightly", night=night_of(place))


def _config(outcomes: Outcomes, place: int) -> dict[str, Any]:
    samples = list(next(iter(outcomes.values())))
    providers = {
        f"script{number}": {
            "use": "scripted",
            "answers": {
                sample: f"the answer to {sample}" if nights[place] == "1" else f"a mistake of night {place}"
                for sample, nights in of_model.items()
            },
        }
        for number, of_model in enumerate(outcomes.values())
    }
    rows = [{"id": sample, "input": f"question {sample}", "target": f"the answer to {sample}"} for sample in samples]
    return {
        "name": "nightly",
        "weave": {"backend": "off"},
        "providers": providers,
        "models": [{"id": model, "provider": f"script{number}"} for number, model in enumerate(outcomes)],
        "datasets": {"qa": {"rows": rows}},
        "scorers": {"exact": {"use": "exact"}},
        "report": {"html": False, "markdown": False, "parquet": False},
    }
