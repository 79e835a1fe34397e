"""The page's script, style and explorer markup, read from the package."""

from importlib.resources import files

__all__ = ["load_samples_section", "load_script", "load_shell", "load_style", "load_template", "load_timeline_style"]

_MODULES = (
    "text.js",
    "store.js",
    "address.js",
    "filters.js",
    "marks.js",
    "list.js",
    "answer.js",
    "detail.js",
    "explorer.js",
    "theme.js",
    "reading.js",
    "shell.js",
)

_SHELL = ("text.js", "theme.js", "reading.js", "comparison.js")


def load_script() -> str:
    """Return all modules of the page's script as one strict function, the same bytes each time."""
    modules = "\n".join(_read(name).strip() + "\n" for name in _MODULES)
    return f'"use strict";\n(() => {{\n{modules}}})();\n'


def load_shell() -> str:
    """Return the script of a page without samples: its theme switch, print and navigation."""
    modules = "\n".join(_read(name).strip() + "\n" for name in _SHELL)
    return f'"use strict";\n(() => {{\n{modules}}})();\n'


def load_template(name: str) -> str:
    """Return the source of a page's template."""
    return _read(name)


def load_style() -> str:
    """Return the page's style sheet."""
    return _read("style.css") + "\n" + _read("explorer.css")


def load_timeline_style() -> str:
    """Return the style sheet of timelines, which stands beside the page's own."""
    return _read("timeline.css")


def load_samples_section() -> str:
    """Return the explorer's markup: its section and its dialogs."""
    return _read("samples.html")


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
