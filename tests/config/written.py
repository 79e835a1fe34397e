"""Configs written for a test, and what loading them says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.problems import ConfigErrors

GOOD = """\
name: qa
models: [small]
datasets: {rows: {rows: [{id: a, input: x, target: y}]}}
scorers: {exact: {use: exact}}
"""


def write(folder: Path, text: str, name: str = "config.yaml") -> Path:
    """Write a config file and return its path."""
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def load(
    folder: Path,
    text: str,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Load a config written as text, with an empty environment unless one is given."""
    return load_config(write(folder, text), profile=profile, overrides=overrides, env=env or {})


def errors(
    folder: Path,
    text: str,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the lines of what is wrong with a config, without the folder; [] when nothing is."""
    try:
        load(folder, text, profile=profile, overrides=overrides, env=env)
    except ConfigErrors as error:
        return [line.replace(f"{folder}/", "") for line in str(error).splitlines()]
    return []
