"""Where a baseline in Weave is looked for: the store and the project that this command publishes to."""

from collections.abc import Mapping
from pathlib import Path

from evalkit.baseline import Baseline
from evalkit.baseline_source import Fetch
from evalkit.cli.weave_choice import choose_weave
from evalkit.config.schema import WeaveSpec
from evalkit.published import fetch_baseline
from evalkit.weave_io.baseline_reference import parse_reference
from evalkit.weave_io.client import default_store_path

__all__ = ["weave_baselines"]


def weave_baselines(spec: WeaveSpec, *, name: str, reports: Path, env: Mapping[str, str]) -> Fetch:
    """Return what reads a baseline from Weave for runs called `name` whose folders are below `reports`."""

    def fetch(reference: str, before: str | None) -> Baseline:
        found = parse_reference(reference)
        choice = choose_weave(spec, env, name=name)
        return fetch_baseline(
            reference,
            backend="wandb" if choice.backend == "wandb" else "local",
            project=found.project or choice.project,
            store=default_store_path(env, reports.resolve().parent).resolve(),
            name=name,
            before=before,
            environment=env,
        )

    return fetch
