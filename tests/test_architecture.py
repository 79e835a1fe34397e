"""The house, read from the imports: floors, circles, heavy libraries, sizes, names, faces."""

import ast
import fnmatch
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import evalkit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "evalkit"

FLOORS = {
    "1 nouns, numbers, text; the shape of the YAML": """
        errors records digest normalize environment stop interrupts
        letters patterns reasoning jsontext strictjson shapes located subset targets codec
        stats/* config/__init__ config/spec config/questions config/schema
        scorers/__init__ sources/__init__ providers/__init__ weave_io/__init__ report/__init__ report/sections/__init__
    """,
    "2 seams, and parts that touch one thing": """
        protocols registry prompt templates few_shot choices extract dressing json_compare
        expressions fields rowfiles journal store folders
        aggregate call_columns score_columns leaderboard
        triage chat_* local_* hub recorded_answers scorer_process scorer_worker
    """,
    "2+ from the file to a Config": "config/*",
    "3 plugins, and what binds them to a plan": """
        sources/* providers/* scorers/*
        dataset scoring selftest check plan throttle retry journaled merge
    """,
    "4 what is made of stored runs": "weave_io/* report/*",
    "5 the conductor and its hands": "engine lanes finish publishing pages samples_table runner",
    "6 the library's face": "__init__",
    "6+ the command line": "cli/*",
    "6++ the command line's door": "__main__",
}
"""Floor -> its files (`*` matches); the first floor that names a file is its own. The first floor is the ground."""

HEAVY = {"weave", "openai", "datasets", "pandas", "pyarrow", "scipy", "altair", "numpy", "vl_convert", "xllamacpp"}
HEAVY_AT_THE_TOP = {"stats/*": {"numpy", "scipy"}, "weave_io/*": {"weave"}}
"""Who may import a heavy library when it is imported itself; of weave_io, only what the publishing child imports."""

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "core", "misc"}
MOST_LINES = 300
MOST_FUNCTION_LINES = 50

FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def floor_of(name: str) -> int | None:
    for floor, files in enumerate(FLOORS.values()):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in files.split()):
            return floor
    return None


def module_file(module: str) -> str | None:
    """Return the short name of the file of one of our modules, None for anybody else's."""
    if module != "evalkit" and not module.startswith("evalkit."):
        return None
    place = ROOT / module.replace(".", "/")
    return short(place / "__init__.py") if place.is_dir() else short(place.with_suffix(".py"))


def imported(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import statement with each module it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node, whole if (ROOT / whole.replace(".", "/")).with_suffix(".py").exists() else str(node.module)


def in_functions(tree: ast.AST) -> set[ast.AST]:
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {inner for function in functions for inner in ast.walk(function)}


def for_types_only(tree: ast.AST) -> set[ast.AST]:
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    return {inner for guard in guards for inner in ast.walk(guard)}


def own_imports(path: Path) -> set[str]:
    return {name for _, module in imported(TREES[path]) if (name := module_file(module)) and name != short(path)}


IMPORTS = {short(path): own_imports(path) for path in FILES}


@pytest.mark.parametrize("name", IMPORTS)
def test_every_file_stands_on_a_floor_and_imports_only_downwards(name: str) -> None:
    floor = floor_of(name)
    assert floor is not None, f"{name}.py has no floor: add it to FLOORS"
    for other in sorted(IMPORTS[name]):
        below = floor_of(other)
        same_room = Path(name).parts[:-1][:1] == Path(other).parts[:-1][:1]
        assert below is not None, f"{name}.py imports {other}.py, which has no floor"
        assert below < floor or (below == floor and same_room), (
            f"{name}.py may not import {other}.py: imports point down"
        )


def test_every_line_of_the_floors_names_a_file() -> None:
    names = list(IMPORTS)
    dead = [pattern for files in FLOORS.values() for pattern in files.split() if not fnmatch.filter(names, pattern)]
    assert dead == []


def test_there_is_no_circle() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in IMPORTS[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in IMPORTS:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=short)
def test_heavy_libraries_are_imported_on_first_use(path: Path) -> None:
    allowed = {
        library
        for pattern, some in HEAVY_AT_THE_TOP.items()
        if fnmatch.fnmatchcase(short(path), pattern)
        for library in some
    }
    late = in_functions(TREES[path]) | for_types_only(TREES[path])
    at_the_top = {module.split(".")[0] for node, module in imported(TREES[path]) if node not in late}
    assert at_the_top & HEAVY <= allowed


@pytest.mark.parametrize("path", FILES, ids=short)
def test_our_own_modules_are_imported_at_the_top(path: Path) -> None:
    """Only a module that imports weave at its top may be imported late: it is the heavy library that waits."""
    inside = in_functions(TREES[path])
    late = {name for node, module in imported(TREES[path]) if node in inside and (name := module_file(module))}
    assert {name for name in late if not loads_weave(name)} == set()


def loads_weave(name: str) -> bool:
    """Tell whether importing a file imports weave, by itself or through what it imports at its top."""
    tree = TREES[PACKAGE / f"{name}.py"]
    skipped = in_functions(tree) | for_types_only(tree)
    modules = [module for node, module in imported(tree) if node not in skipped]
    ours = [other for module in modules if (other := module_file(module)) and other != name]
    return any(module.split(".")[0] == "weave" for module in modules) or any(loads_weave(other) for other in ours)


def test_weave_is_known_to_its_own_room_only() -> None:
    users = {short(path) for path in FILES for _, module in imported(TREES[path]) if module.split(".")[0] == "weave"}
    assert {name for name in users if not name.startswith("weave_io/") and name != "sources/weave"} == set()


@pytest.mark.parametrize("name", IMPORTS)
def test_what_the_command_line_imports_does_not_bring_weave(name: str) -> None:
    if name.startswith(("cli/", "config/", "report/")) or "/" not in name:
        assert not loads_weave(name)


@pytest.mark.parametrize("path", FILES, ids=short)
def test_sizes(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines: split it"
    for node in ast.walk(TREES[path]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= MOST_FUNCTION_LINES, f"{node.name} has {size} lines: split it"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_names(path: Path) -> None:
    assert path.stem not in FORBIDDEN, "a name that says what the file is for"
    assert path.stem.startswith("__") or not path.stem.startswith("_"), "an underscore is for names, not for files"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_every_module_says_what_it_is_for_and_what_is_public(path: Path) -> None:
    tree = TREES[path]
    assert (ast.get_docstring(tree) or "").strip(), "a module's docstring is its one responsibility"
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    has_code = len(tree.body) > 1
    assert len(listed) == (1 if has_code else 0), "__all__ lists the public names"
    for names in listed:
        assert len(set(names)) == len(names)


def test_the_face_is_its_all() -> None:
    tree = TREES[PACKAGE / "__init__.py"]
    for_editors = {
        alias.asname or alias.name
        for node in for_types_only(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert for_editors == set(evalkit.__all__) - {"__version__"}
    assert set(evalkit.__all__) <= set(dir(evalkit))
    for name in evalkit.__all__:
        assert getattr(evalkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        evalkit.nothing  # noqa: B018  asking is the test


def test_the_house_has_the_names_it_promises() -> None:
    for name in ("load_config", "make_plan", "run_plan", "Sample", "Score"):
        assert name in evalkit.__all__


def test_datasets_holds_data_only() -> None:
    assert list((ROOT / "datasets").rglob("*.py")) == []


def test_the_wheel_holds_evalkit_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["evalkit"]
    script = project["project"]["scripts"]["evalkit"]
    module, _, name = script.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
