"""Where a baseline in Weave is looked for: the store and the project that this command publishes to."""

import os
from collections.abc import Mapping
from pathlib import Path

from evalkit.baseline import Baseline
from evalkit.baseline_source import Fetch
from evalkit.cli.weave_choice import choose_weave
from evalkit.config.load import load_config
from evalkit.config.schema import WeaveSpec
from evalkit.errors import ConfigError
from evalkit.published import fetch_baseline
from evalkit.weave_io.baseline_reference import parse_reference
from evalkit.weave_io.client import default_store_path

__all__ = ["weave_baselines", "weave_baselines_of"]


def weave_baselines(spec: WeaveSpec, *, name: str | None, reports: Path, env: Mapping[str, str]) -> Fetch:
    """Return what reads a baseline from Weave for runs called `name` whose folders are below `reports`.

    A reference that names a project is looked for there, whatever project `spec` has.
    """

    def fetch(reference: str, before: str | None) -> Baseline:
        found = parse_reference(reference)
        if name is None and found.call is None and found.board is None:
            raise ConfigError(
                f"baseline {reference}: the newest run of which name? Name the config with --config, or give a "
                "leaderboard or an evaluate call"
            )
        where = spec if found.project is None else spec.model_copy(update={"project": found.project})
        choice = choose_weave(where, env, name=name or "")
        return fetch_baseline(
            reference,
            backend="wandb" if choice.backend == "wandb" and not choice.project.startswith("local/") else "local",
            project=choice.project,
            store=default_store_path(env, reports.resolve().parent).resolve(),
            name=name,
            before=before,
            environment=env,
        )

    return fetch


def weave_baselines_of(config: Path | None, *, name: str | None, reports: Path) -> Fetch:
    """Return what reads a baseline from where a config publishes to; without one, from where none would.

    `name` stands for the config's, where there is none.

    Raises:
        ConfigError: the config cannot be read.
    """
    spec = WeaveSpec()
    if config is not None:
        loaded = load_config(config, env=os.environ).config
        spec, name = loaded.weave, loaded.name
    return weave_baselines(spec, name=name, reports=reports, env=os.environ)
