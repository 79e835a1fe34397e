"""An alert to text: Jinja2 templates for each form of message, escaped for where the text goes."""

import functools
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from evalkit.alert import Alert, AlertKind
from evalkit.errors import AlertError
from evalkit.records import Json
from evalkit.registry import nearest

__all__ = ["AlertTemplate", "TextForm", "alert_values", "clean_line"]

_LONGEST_LINE = 1000
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~!"} | {"@": "@\u200b"})
_MRKDWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b"})
"""A zero-width space keeps @channel from calling everybody, where text alone does that."""
_WORDS = {
    AlertKind.REGRESSION: "Regression",
    AlertKind.RECOVERY: "Recovered",
    AlertKind.COULD_NOT_RUN: "Could not run",
    AlertKind.MOVED: "Moved",
    AlertKind.CATALOG: "Model list changed",
}


class TextForm(StrEnum):
    """What a text is read as, hence what is escaped in it."""

    PLAIN = "plain"
    HTML = "html"
    MRKDWN = "mrkdwn"
    MARKDOWN = "markdown"
    JSON = "json"


_ESCAPES: Mapping[TextForm, Callable[[str], str]] = {
    TextForm.PLAIN: str,
    TextForm.HTML: str,  # autoescape does it
    TextForm.MRKDWN: lambda text: text.translate(_MRKDWN),
    TextForm.MARKDOWN: lambda text: text.translate(_SPECIAL).replace("&", "&amp;"),
    TextForm.JSON: str,  # the filter tojson does it
}


@dataclass(frozen=True, slots=True)
class AlertTemplate:
    """The text of a template and what it makes; it takes the names of `alert_values`."""

    source: str
    form: TextForm
    name: str

    @classmethod
    def built_in(cls, name: str, form: TextForm) -> "AlertTemplate":
        """Return a template of this package."""
        text = (files("evalkit.alerts") / "templates" / name).read_text(encoding="utf-8")
        return cls(text, form, name)

    @classmethod
    def chosen(cls, path: str | None, built_in: str, form: TextForm, base_dir: Path) -> "AlertTemplate":
        """Return the user's template, tried on an alert of each kind, or the built-in one without a path.

        Raises:
            ValueError: it cannot be read, does not compile, uses a name that alerts do not have, or makes no JSON
                where it should.
        """
        if path is None:
            return cls.built_in(built_in, form)
        try:
            made = cls((base_dir / path).read_text(encoding="utf-8"), form, path)
            made.try_out()
        except OSError as error:
            raise ValueError(f"template {path!r} cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ValueError(f"template {path!r} is not UTF-8 text") from None
        except json.JSONDecodeError as error:
            raise ValueError(f"template {path!r} makes no JSON: {error}; write values as title | tojson") from None
        except AlertError as error:
            raise ValueError(str(error)) from None
        return made

    def try_out(self) -> None:
        """Render an alert of each kind.

        Raises:
            AlertError: the template does not compile, or fails.
            JSONDecodeError: it should make JSON and does not.
        """
        known = alert_values(_EXAMPLES[0])
        unknown = sorted(_names(self.source, self.form) - known.keys())
        if unknown:
            raise AlertError(f"template {self.name!r}: alerts have no {unknown[0]!r}{nearest(unknown[0], known)}")
        texts = [self.render(alert) for alert in _EXAMPLES]
        if self.form is TextForm.JSON:
            for text in texts:
                json.loads(text)

    def render(self, alert: Alert) -> str:
        """Return the text for an alert, without blank lines at its ends.

        Raises:
            AlertError: an expression of the template fails; the message names the template.
        """
        try:
            return _compiled(self.source, self.form).render(alert_values(alert)).strip()
        except TemplateSyntaxError as error:
            problem = f"line {error.lineno}: {error.message}"
        except TemplateError as error:
            problem = str(error.message)
        except Exception as error:  # noqa: BLE001  a filter may raise anything on a value it does not expect
            problem = f"{type(error).__name__}: {error}"
        raise AlertError(f"template {self.name!r}: {problem}")

    def render_within(self, alert: Alert, most: int) -> str:
        """Return the text for an alert in at most `most` characters: the last lines are left out and counted."""
        text = self.render(alert)
        fits, cut = 0, len(alert.lines)
        while len(text) > most and fits < cut:
            kept = (fits + cut) // 2
            shorter = self.render(_with_lines(alert, kept))
            fits, cut = (kept + 1, cut) if len(shorter) <= most else (fits, kept)
        if len(text) > most:
            text = self.render(_with_lines(alert, max(0, fits - 1)))
        return text if len(text) <= most else f"{text[: most - 1]}…"


def _with_lines(alert: Alert, kept: int) -> Alert:
    """Return the alert with its first lines, and how many more there are."""
    left_out = len(alert.lines) - kept
    more = (f"and {left_out} more, in the report",) if left_out else ()
    return replace(alert, lines=(*alert.lines[:kept], *more))


def alert_values(alert: Alert) -> dict[str, Json]:
    """Return what templates and receivers see of an alert; every text is clean and on one line."""
    return {
        "kind": alert.kind.value,
        "word": "Test" if alert.is_test else _WORDS[alert.kind],
        "key": clean_line(alert.key),
        "name": clean_line(alert.name),
        "night": clean_line(alert.night),
        "title": clean_line(alert.title),
        "lines": [clean_line(line) for line in alert.lines],
        "report": _clean_or_none(alert.report),
        "run": _clean_or_none(alert.run),
        "weave": _clean_or_none(alert.weave),
        "severity": alert.severity,
        "opened": _clean_or_none(alert.opened),
        "is_closed": alert.is_closed,
        "is_test": alert.is_test,
    }


def clean_line(text: str) -> str:
    """Return text on one line without control, direction and other invisible characters, and not endlessly long."""
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_visible(char))
    line = " ".join(kept.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _clean_or_none(text: str | None) -> str | None:
    return None if text is None else clean_line(text)


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and not set(value) & set(' <>|"')


def _address(value: object) -> object:
    """Keep an address as it is: the characters that its test lets through need no escape inside <...>."""
    return Markup(value) if _is_address(value) else value  # noqa: S704  no bracket or quote is in it


@functools.cache
def _environment(form: TextForm) -> ImmutableSandboxedEnvironment:
    escape = _ESCAPES[form]

    def write(value: object) -> object:
        if value is None:
            return ""
        return escape(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=form is TextForm.HTML,
        finalize=write,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["address"] = _is_address
    environment.filters["address"] = _address
    return environment


@functools.lru_cache(maxsize=64)
def _compiled(source: str, form: TextForm) -> Template:
    return _environment(form).from_string(source)


def _names(source: str, form: TextForm) -> set[str]:
    """Return the names that a template takes from outside; none when it does not compile."""
    try:
        return meta.find_undeclared_variables(_environment(form).parse(source))
    except TemplateError:
        return set()


_EXAMPLES = tuple(
    Alert(
        kind=kind,
        key=f"{kind} qa.exact GPT",
        name="qa",
        night="2026-01-31",
        title="qa.exact of GPT fell by 4.0 points.",
        lines=() if is_closed else ("The interval is 2.1 to 5.9 points.",),
        report="https://example.org/report.html" if is_closed else "reports/report.html",
        run=None if is_closed else "reports/qa/run",
        weave=None if is_closed else "https://example.org/weave",
        opened="2026-01-30",
        is_closed=is_closed,
    )
    for kind in AlertKind
    for is_closed in (False, True)
)
