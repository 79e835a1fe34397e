"""A nightly as a file for another system's clock: cron, systemd, GitHub, GitLab or Kubernetes."""

import functools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from importlib.resources import files
from pathlib import PurePosixPath

from jinja2 import Environment, FunctionLoader, StrictUndefined

from evalkit.errors import ConfigError

__all__ = ["SYSTEMS", "Schedule", "ScheduleFile", "render_schedule"]

SYSTEMS = ("cron", "systemd", "github", "gitlab", "kubernetes")
"""Whose clock there is a file for."""

_UNSAFE = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 40
"""Kubernetes takes 52 characters for a CronJob, of which the name's beginning takes some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What runs, where and when.

    `config` is relative to `folder`, where the command is run; `program` starts evalkit on this machine, and
    `requirement` or `image` bring it elsewhere. `at` is a time in the zone called `timezone`. `variables` are the names
    of environment variables that it needs, `optional` those among them that have a default. `home` is what EVALKIT_HOME
    is on this machine. `issue_folders` hold the bodies of GitHub issues that alerts write, relative to `folder`.
    `baseline` is the run that the gate holds nights to, which no clean-up may remove; `previous` is any of them.
    """

    name: str
    config: PurePosixPath
    folder: PurePosixPath
    program: tuple[str, ...]
    requirement: str
    image: str
    at: time
    timezone: str
    profile: str | None = None
    variables: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    home: str | None = None
    issue_folders: tuple[PurePosixPath, ...] = ()
    baseline: str | None = None

    @property
    def slug(self) -> str:
        """The name in letters, digits and dashes, as every system takes it."""
        return _UNSAFE.sub("-", self.name.lower())[:_LONGEST_NAME].strip("-") or "nightly"

    @property
    def clean_up(self) -> str | None:
        """The command that removes old run folders but for the baseline; None where any run may be the baseline."""
        if self.baseline == "previous":
            return None
        kept = ["!", "-name", "nightly"]
        if self.baseline is not None:
            run = PurePosixPath(self.baseline)
            kept += ["!", "-name", _literal(run.name), "!", "-path", _literal(f"reports/{run.name}/") + "*"]
        find = ["find", "reports", "-mindepth", "2", "-maxdepth", "2", "-type", "d", "-mtime", "+14", *kept]
        return f"mkdir -p reports && {shlex.join(find)} -exec rm -r {{}} +"

    @property
    def words(self) -> tuple[str, ...]:
        """The command after the program."""
        return ("nightly", str(self.config), *(("--profile", self.profile) if self.profile else ()))


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """One file and where it belongs: from `~` in the user's home, else in the folder that it was made for."""

    path: str
    text: str


def render_schedule(system: str, schedule: Schedule) -> tuple[ScheduleFile, ...]:
    """Return the files for one of `SYSTEMS`.

    Raises:
        ConfigError: a path holds a character that such a file cannot.
    """
    words = (*schedule.program, *schedule.words, str(schedule.folder), *map(str, schedule.issue_folders))
    words = (*words, schedule.home or "", schedule.baseline or "")
    odd = next((word for word in words if not word.isprintable()), None)
    if odd is not None:
        raise ConfigError(f"{odd!r} holds a control character, which no schedule can; rename it")
    return tuple(ScheduleFile(path.format(schedule.slug), _render(name, schedule)) for path, name in _FILES[system])


_FILES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cron": (("evalkit-{}.crontab", "crontab.j2"),),
    "systemd": (
        ("~/.config/systemd/user/evalkit-{}.service", "systemd.service.j2"),
        ("~/.config/systemd/user/evalkit-{}.timer", "systemd.timer.j2"),
    ),
    "github": ((".github/workflows/evalkit-{}.yml", "github.yml.j2"),),
    "gitlab": ((".gitlab/evalkit-{}.gitlab-ci.yml", "gitlab.yml.j2"),),
    "kubernetes": (("evalkit-{}.yaml", "kubernetes.yaml.j2"),),
}


def _render(template: str, schedule: Schedule) -> str:
    text = _environment().get_template(template).render(schedule=schedule)
    return text.strip() + "\n"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  not HTML: each value is quoted by a filter for the file it stands in
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=FunctionLoader(_read),
    )
    environment.filters |= {
        "shell": _shell,
        "cron": _cron,
        "unit": _unit,
        "unit_path": _unit_path,
        "quoted": _quoted,
    }
    return environment


def _read(name: str) -> str:
    return (files("evalkit") / "schedule_templates" / name).read_text(encoding="utf-8")


def _shell(words: Sequence[str] | PurePosixPath) -> str:
    """Quote several words, or one path, for a POSIX shell."""
    return shlex.quote(str(words)) if isinstance(words, PurePosixPath) else shlex.join(words)


def _literal(text: str) -> str:
    """Escape what `find` takes for a pattern."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)


def _unit_path(path: PurePosixPath) -> str:
    """Escape a path for a setting of systemd that takes the rest of its line."""
    return str(path).replace("%", "%%")


def _quoted(value: object) -> str:
    """Quote a value as YAML, of which JSON's strings are a part."""
    return json.dumps(str(value), ensure_ascii=False)


def _cron(text: str) -> str:
    r"""Escape what cron itself acts on before a shell sees the line: % is a line break there, \% a percent sign."""
    return text.replace("%", r"\%")


def _unit(words: tuple[str, ...]) -> str:
    """Quote words for systemd's ExecStart."""
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})
    return " ".join(f'"{word.translate(escapes)}"' if re.search(r"[^\w@+=:,./-]", word) else word for word in words)
