"""`evalkit schedule show`: a ready file that lets another system's clock start a night."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

import evalkit
from evalkit.alert_channels import build_channels
from evalkit.cli.output_file import write_output
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.errors import ConfigError, ExitCode
from evalkit.provider_plugins import build_provider
from evalkit.schedules import SYSTEMS, Schedule, ScheduleFile, render_schedule

__all__ = ["command"]

_ELSEWHERE = frozenset({"github", "gitlab", "kubernetes"})
"""Systems that run the command in another checkout, where only relative paths hold."""


class _Looked(Mapping[str, str]):
    """An environment that remembers which variables were looked up."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.names: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.names.append(name)
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._env)

    def __len__(self) -> int:
        return len(self._env)


@click.command("show")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--for", "system", type=click.Choice(SYSTEMS), required=True, help="Whose clock starts the night.")
@click.option("--at", default="02:30", metavar="HH:MM", help="When, 02:30 when left out.")
@click.option("--timezone", default="UTC", help="The zone of that time, such as Europe/Berlin; UTC when left out.")
@click.option("--profile", help="Partial config of the file to lay over it; nightly, where the file has one.")
@click.option("--install", help="What pip installs on GitHub and GitLab; this version of evalkit when left out.")
@click.option("--image", help="The image that holds evalkit, the config and its datasets, for Kubernetes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the files below this folder instead.")
def command(system: str, config: Path, at: str, timezone: str, **options: str | Path | None) -> int:
    """Print a ready file that runs `evalkit nightly CONFIG` every night, from this folder.

    Keys and addresses of alerts are named by their variables; their values are never printed.
    """
    profile, install, image, out = (options[name] for name in ("profile", "install", "image", "out"))
    env = _Looked(os.environ)
    loaded = load_config(config, profile=None if profile is None else str(profile), env=env)
    if profile is None and "nightly" in loaded.config.profiles:
        loaded = load_config(config, profile="nightly", env=env)
    schedule = Schedule(
        name=loaded.config.name,
        config=_relative(config, system),
        folder=PurePosixPath(Path.cwd()),
        program=_program(),
        requirement=str(install or f"evalkit=={evalkit.__version__}"),
        image=str(image or f"evalkit:{evalkit.__version__}"),
        at=_time(at),
        timezone=_zone(timezone),
        profile=None if profile is None else str(profile),
        variables=_variables(loaded, env.names),
        optional=_optional(config, loaded.profile, env),
        home=_home(),
        issue_folders=_issue_folders(loaded),
        baseline=_baseline(loaded),
    )
    made = render_schedule(system, schedule)
    if isinstance(out, Path):
        _write(made, out)
    else:
        _print(made)
    return ExitCode.DONE


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  a time of day has no zone yet
    except ValueError:
        raise ConfigError(f"--at {text!r} is no time of day; write it as in 02:30") from None


def _zone(name: str) -> str:
    try:
        return name if name == "UTC" else ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"--timezone {name!r} is not known here; write it as in Europe/Berlin") from None


def _relative(config: Path, system: str) -> PurePosixPath:
    try:
        return PurePosixPath(config.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        if system in _ELSEWHERE:
            raise ConfigError(
                f"{config} is not below this folder; run this where a checkout of your repository begins"
            ) from None
        return PurePosixPath(config.resolve())


def _program() -> tuple[str, ...]:
    """Return what starts this evalkit, with nothing of the shell that it was called from."""
    script = Path(sys.executable).with_name("evalkit")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "evalkit")


def _variables(loaded: LoadedConfig, looked_up: list[str]) -> tuple[str, ...]:
    """Return what the config's providers, alerts, publishing and own text take from the environment, by name."""
    config, base_dir = loaded.config, loaded.path.parent
    names = {name for name in looked_up if name.isidentifier()}
    for provider in {model.provider for model in config.models}:
        spec = config.providers.get(provider) or BUILTIN_PROVIDERS[provider]
        variable = getattr(build_provider(provider, spec, base_dir), "key_variable", None)
        names |= {variable} if isinstance(variable, str) else set()
    if config.weave.project is not None and config.weave.backend in {"auto", "wandb", "both"}:
        names.add("WANDB_API_KEY")
    for bound in build_channels(config.nightly.alerts, base_dir):
        names |= set(bound.channel.variables)
    return tuple(sorted(names))


def _optional(config: Path, profile: str | None, env: _Looked) -> tuple[str, ...]:
    """Return the variables of the config's own text that it can do without."""
    found: list[str] = []
    for name in dict.fromkeys(env.names):
        rest = {key: value for key, value in os.environ.items() if key != name}
        with contextlib.suppress(ConfigError):
            load_config(config, profile=profile, env=rest)
            found.append(name)
    return tuple(found)


def _home() -> str | None:
    home = os.environ.get("EVALKIT_HOME")
    return str(Path(home).expanduser().resolve()) if home else None


def _baseline(loaded: LoadedConfig) -> str | None:
    """Return the run that the gate names as its baseline, if it is a run and no file."""
    gate = loaded.config.gate
    reference = None if gate is None else gate.baseline
    is_elsewhere = reference is None or reference.startswith("weave:") or (loaded.path.parent / reference).is_file()
    return None if is_elsewhere else reference


def _issue_folders(loaded: LoadedConfig) -> tuple[PurePosixPath, ...]:
    base_dir = loaded.path.parent
    alerts = [alert for alert in loaded.config.nightly.alerts if alert.use == "github_issue"]
    folders = [str(alert.options.get("folder", "alerts")) for alert in alerts]
    return tuple(dict.fromkeys(PurePosixPath(os.path.relpath(base_dir / folder)) for folder in folders))


def _print(made: tuple[ScheduleFile, ...]) -> None:
    texts = [each.text if len(made) == 1 else f"# ==> {each.path} <==\n{each.text}" for each in made]
    click.echo("\n".join(texts), nl=False)


def _write(made: tuple[ScheduleFile, ...], folder: Path) -> None:
    for each in made:
        path = folder / PurePosixPath(each.path).name
        write_output(path, each.text)
        click.echo(f"{path}: belongs at {each.path}", err=True)
        click.echo(str(path))
