"""One name, one config: two that share a name would each take the other's nights for their own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.errors import ConfigError, EvalkitError
from evalkit.folders import run_folders
from evalkit.history import History
from evalkit.night_folder import config_of
from evalkit.store import RunFolder

__all__ = ["refuse_shared_name"]


def refuse_shared_name(loaded: LoadedConfig, history: History, reports: Path, env: Mapping[str, str]) -> None:
    """Check that no other config file ran nights under this name.

    One that was moved or deleted is no other, nor is one that has another name by now.

    Raises:
        ConfigError: naming both files.
    """
    name, here = loaded.config.name, loaded.path.resolve()
    for other in dict.fromkeys(_configs(name, history, reports)):
        if other != here and other.is_file() and _has_name(other, name, env):
            raise ConfigError(
                f"name: {name!r} is the name of the nights of {other} too, so {here} would take their place in history "
                "and reports; give one of the two another `name`"
            )


def _configs(name: str, history: History, reports: Path) -> Iterator[Path]:
    """Yield the config of each nightly run that is known here."""
    folders = [RunFolder(Path(run.folder)) for run in history.runs(name, kind="nightly")]
    for folder in (*folders, *run_folders(reports, name)):
        if (path := config_of(folder)) is not None:
            yield path


def _has_name(path: Path, name: str, env: Mapping[str, str]) -> bool:
    """Say whether a config still has a name; one that cannot be read may have."""
    try:
        return load_config(path, env=env).config.name == name
    except EvalkitError:
        return True
