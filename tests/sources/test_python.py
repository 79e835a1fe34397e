"""A function of the user's own: found beside the config, called, and blamed by name and line."""

import sys

import pytest

from evalkit.errors import DatasetError
from evalkit.records import Sample
from evalkit.sources.python import Python

MODULE = """
import inspect
from evalkit.records import Sample

def listed():
    return [{"id": 1, "pair": (1, 2)}, {"id": 2}]

def yielded():
    import {name}_beside
    yield from {name}_beside.ROWS

def made():
    return [Sample(id="a", input="x")]

def raises():
    return [1 / 0]

def breaks():
    yield {{"id": 1}}
    raise KeyError("gone")

def text():
    return "abc"

def table():
    return {{"id": [1]}}

def nothing():
    return None

async def later():
    return []

def wrong():
    return [[1, 2]]

def unreadable():
    return [{{"id": object()}}]

number = 3
"""


@pytest.fixture
def name(tmp_path, request):
    """A module name of this test's own, for modules stay imported."""
    name = f"rows_{abs(hash(request.node.nodeid)):x}"
    (tmp_path / f"{name}.py").write_text(MODULE.replace("{name}", name).replace("{{", "{").replace("}}", "}"))
    (tmp_path / f"{name}_beside.py").write_text('ROWS = [{"id": "beside"}]\n')
    yield name
    for module in (name, f"{name}_beside"):
        sys.modules.pop(module, None)


def load(folder, address):
    return list(Python(python=address, base_dir=folder).load())


def test_dicts_become_rows_that_know_their_place(tmp_path, name):
    rows = load(tmp_path, f"{name}:listed")
    assert rows == [{"id": 1, "pair": [1, 2]}, {"id": 2}]
    assert rows[1].where == f"{name}:listed, row 2"


def test_a_generator_may_import_what_lies_beside_it(tmp_path, name):
    before = list(sys.path)
    assert load(tmp_path, f"{name}:yielded") == [{"id": "beside"}]
    assert sys.path == before


def test_samples_are_handed_on(tmp_path, name):
    assert load(tmp_path, f"{name}:made") == [Sample(id="a", input="x")]


def test_a_module_in_a_package_beside_the_config(tmp_path, name):
    package = tmp_path / f"{name}_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rows.py").write_text('def load():\n    return [{"id": 1}]\n')
    assert load(tmp_path, f"{name}_package.rows:load") == [{"id": 1}]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("gone", "{name}:gone: {folder}/{name}.py has no function 'gone'"),
        ("number", "{name}:number: {folder}/{name}.py has no function 'number'"),
        ("raises", "{name}:raises: raised: ZeroDivisionError: division by zero ({name}.py:16)"),
        ("breaks", "{name}:breaks: raised after row 1: KeyError: 'gone' ({name}.py:20)"),
        ("text", "{name}:text: returned a str; it must return an iterable of dicts or Samples"),
        ("table", "{name}:table: returned a dict; it must return an iterable of dicts or Samples"),
        ("nothing", "{name}:nothing: returned a NoneType; it must return an iterable of dicts or Samples"),
        ("later", "{name}:later: returned a coroutine; it must return an iterable of dicts or Samples"),
        ("wrong", "{name}:wrong, row 1: is a list; a row is a dict or a Sample"),
        ("unreadable", "{name}:unreadable, row 1: id holds a object, which has no JSON form"),
    ],
)
def test_a_function_that_gives_no_rows_is_blamed(tmp_path, name, function, message):
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, f"{name}:{function}")
    assert str(caught.value) == message.format(name=name, folder=tmp_path)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rows", "python: 'rows' must be written module:function"),
        (":load", "python: ':load' must be written module:function"),
        (
            "no_such_module:f",
            "no_such_module:f: cannot import 'no_such_module': ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(tmp_path, address, message):
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, address)
    assert str(caught.value) == message


def test_a_module_that_fails_to_import_is_named_by_line(tmp_path, name):
    (tmp_path / f"{name}_broken.py").write_text("x = 1\ny = x + z\n")
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, f"{name}_broken:f")
    assert str(caught.value).endswith(f"NameError: name 'z' is not defined ({name}_broken.py:2)")


def test_a_file_hidden_by_a_module_of_its_name_is_refused(tmp_path):
    (tmp_path / "json.py").write_text("def load():\n    return []\n")
    with pytest.raises(
        DatasetError, match=r"json\.py is hidden by .*already imported under that name; rename the file$"
    ):
        load(tmp_path, "json:load")
