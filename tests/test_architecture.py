"""The house, read from the imports: floors, circles, heavy libraries, sizes, names, faces."""

import ast
import fnmatch
import functools
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
        errors records results digest normalize environment stop interrupts halts shares process_identity
        adaptive refusals pacing rate_limits
        letters patterns reasoning jsontext strictjson shapes located subset targets codec tool_calls
        listed_models model_names
        images image_references content_parts sqlite_wal
        stats/* config/__init__ config/spec config/questions config/gates config/nights config/schema
        past_runs alert
        scorers/__init__ sources/__init__ providers/__init__ alerts/__init__
        weave_io/__init__ report/__init__ report/sections/__init__
    """,
    "2 seams, and parts that touch one thing": """
        protocols registry prompt templates few_shot choices extract dressing json_compare
        prompt_content image_shelf image_values image_store
        expressions fields rowfiles journal journal_schema journal_columns journal_reader store folders
        tokens spending
        bound_model judge_prompt judge_reading judge_reply judge_tally anchor_rows
        cache cache_schema cache_contents cache_difference
        aggregate call_columns score_columns leaderboard macro_scores board_plan
        triage chat_* local_* hub recorded_answers scorer_process scorer_worker model_pages
        alert_texts alert_post alert_mail committed_file
    """,
    "2+ from the file to a Config": "config/*",
    "3 plugins, and what binds them to a plan": """
        sources/* providers/* scorers/* alerts/*
        provider_plugins opening
        dataset scoring selftest check plan throttle retry budget prices lease lease_book lease_names journaled merge
        cache_explain reference_rows sample_sets
        stored_items comparison compare compare_slices measures sides side_choice rescore
        gate gate_* baseline baseline_*
        forecast* calibration
        judge_results judge_check judge_forecast judges anchors
        history history_* night_lock night_* flip_ledger flip_rule quarantine quarantine_*
        drift_* serving trend trend_* catalog_*
        alerting alert_channels schedules
        catalog preflight offerings doctor doctor_calls doctor_findings doctor_here doctor_load
    """,
    "4 what is made of stored runs": "weave_io/* report/*",
    "5 the conductor and its hands": """
        engine lanes stacks run_start finish judging garbage publishing published pages samples_table runner rescoring
        live_answer playground tracing
        nightly nightly_* rejudging
    """,
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


def floor_of(name: str) -> int:
    """Return the place of a file's floor in FLOORS, -1 where none names it."""
    for floor, files in enumerate(FLOORS.values()):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in files.split()):
            return floor
    return -1


def room(name: str) -> str:
    return name.split("/", maxsplit=1)[0] if "/" in name else ""


def module_file(module: str) -> str | None:
    """Return the short name of the file of one of our modules, None for anybody else's."""
    if module != "evalkit" and not module.startswith("evalkit."):
        return None
    place = ROOT / module.replace(".", "/")
    return short(place / "__init__.py") if place.is_dir() else short(place.with_suffix(".py"))


@functools.cache
def imported(tree: ast.AST) -> list[tuple[ast.stmt, str]]:
    """Return every import statement with each module it names."""
    return list(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node, whole if (ROOT / whole.replace(".", "/")).with_suffix(".py").exists() else str(node.module)


@functools.cache
def in_functions(tree: ast.AST) -> set[ast.AST]:
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {inner for function in functions for inner in ast.walk(function)}


@functools.cache
def for_types_only(tree: ast.AST) -> set[ast.AST]:
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    return {inner for guard in guards for inner in ast.walk(guard)}


def own_imports(path: Path) -> set[str]:
    return {name for _, module in imported(TREES[path]) if (name := module_file(module)) and name != short(path)}


IMPORTS = {short(path): own_imports(path) for path in FILES}


def test_every_file_stands_on_a_floor() -> None:
    assert [name for name in IMPORTS if floor_of(name) < 0] == [], "give each a floor in FLOORS"


def test_imports_point_down() -> None:
    """A file imports from lower floors, or from its own room on its own floor."""
    wrong = [
        f"{name}.py imports {other}.py"
        for name, others in IMPORTS.items()
        for other in sorted(others)
        if not (floor_of(other) < floor_of(name) or (floor_of(other) == floor_of(name) and room(other) == room(name)))
    ]
    assert wrong == []


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


def test_heavy_libraries_are_imported_on_first_use() -> None:
    wrong: list[str] = []
    for path in FILES:
        rooms = [some for pattern, some in HEAVY_AT_THE_TOP.items() if fnmatch.fnmatchcase(short(path), pattern)]
        late = in_functions(TREES[path]) | for_types_only(TREES[path])
        at_the_top = {module.split(".")[0] for node, module in imported(TREES[path]) if node not in late}
        wrong += [f"{short(path)}.py imports {name}" for name in sorted(at_the_top & HEAVY - set().union(*rooms))]
    assert wrong == []


def test_our_own_modules_are_imported_at_the_top() -> None:
    """Only a module that imports weave at its top may be imported late: it is the heavy library that waits."""
    wrong: list[str] = []
    for path in FILES:
        inside = in_functions(TREES[path])
        late = {name for node, module in imported(TREES[path]) if node in inside and (name := module_file(module))}
        wrong += [f"{short(path)}.py imports {name}.py in a function" for name in sorted(late) if not loads_weave(name)]
    assert wrong == []


@functools.cache
def loads_weave(name: str) -> bool:
    """Tell whether importing a file imports weave, by itself or through what it imports at its top."""
    tree = TREES[PACKAGE / f"{name}.py"]
    late = in_functions(tree) | for_types_only(tree)
    modules = {module for node, module in imported(tree) if node not in late}
    ours = {other for module in modules if (other := module_file(module)) and other != name}
    return any(module.split(".")[0] == "weave" for module in modules) or any(loads_weave(other) for other in ours)


def test_weave_is_known_to_its_own_room_only() -> None:
    users = {short(path) for path in FILES for _, module in imported(TREES[path]) if module.split(".")[0] == "weave"}
    assert {name for name in users if not name.startswith("weave_io/") and name != "sources/weave"} == set()


def test_weave_is_loaded_by_its_own_room_only() -> None:
    assert [name for name in IMPORTS if room(name) != "weave_io" and loads_weave(name)] == []


def test_sizes() -> None:
    wrong: list[str] = []
    for path in FILES:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            wrong.append(f"{short(path)}.py has {lines} lines")
        for node in ast.walk(TREES[path]):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                wrong += [f"{short(path)}.py: {node.name} has {size} lines"] if size > MOST_FUNCTION_LINES else []
    assert wrong == []


def test_names() -> None:
    """A name says what a file is for; an underscore is for names, not for files."""
    stems = {short(path): path.stem for path in FILES}
    hidden = [name for name, stem in stems.items() if stem.startswith("_") and not stem.startswith("__")]
    assert [name for name, stem in stems.items() if stem in FORBIDDEN] + hidden == []


def test_every_module_says_what_it_is_for_and_what_is_public() -> None:
    wrong: list[str] = []
    for path in FILES:
        body = TREES[path].body
        if not (ast.get_docstring(TREES[path]) or "").strip():
            wrong.append(f"{short(path)}.py has no docstring")
        targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        listed = sum(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        if listed != (1 if len(body) > 1 else 0):
            wrong.append(f"{short(path)}.py does not list its public names in __all__")
    assert wrong == []


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


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_datasets_holds_data_only() -> None:
    assert list((ROOT / "datasets").rglob("*.py")) == []


def test_the_wheel_holds_evalkit_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["evalkit"]
    script = project["project"]["scripts"]["evalkit"]
    module, _, name = script.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
