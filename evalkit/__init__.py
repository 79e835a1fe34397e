"""evalkit: an evaluation and leaderboard harness for language models."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.config.load import load_config
    from evalkit.config.loaded import LoadedConfig
    from evalkit.config.schema import Config
    from evalkit.dataset import Dataset, load_dataset
    from evalkit.errors import ConfigError, DatasetError, EvalkitError, ExitCode
    from evalkit.plan import Plan, make_plan
    from evalkit.records import Message, Prediction, Request, Sample, Score
    from evalkit.results import RunResult
    from evalkit.runner import run_plan
    from evalkit.store import RunFolder

    __version__: str

__all__ = [
    "Config",
    "ConfigError",
    "Dataset",
    "DatasetError",
    "EvalkitError",
    "ExitCode",
    "LoadedConfig",
    "Message",
    "Plan",
    "Prediction",
    "Request",
    "RunFolder",
    "RunResult",
    "Sample",
    "Score",
    "__version__",
    "load_config",
    "load_dataset",
    "make_plan",
    "run_plan",
]

_HOMES = {
    "evalkit.config.load": ("load_config",),
    "evalkit.config.loaded": ("LoadedConfig",),
    "evalkit.config.schema": ("Config",),
    "evalkit.dataset": ("Dataset", "load_dataset"),
    "evalkit.errors": ("ConfigError", "DatasetError", "EvalkitError", "ExitCode"),
    "evalkit.plan": ("Plan", "make_plan"),
    "evalkit.records": ("Message", "Prediction", "Request", "Sample", "Score"),
    "evalkit.results": ("RunResult",),
    "evalkit.runner": ("run_plan",),
    "evalkit.store": ("RunFolder",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `import evalkit` costs nothing."""
    if name == "__version__":
        return _version()
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    metadata = importlib.import_module("importlib.metadata")
    try:
        return metadata.version("evalkit")
    except metadata.PackageNotFoundError:
        return "unreleased"
