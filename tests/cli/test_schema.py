import json
from pathlib import Path

from evalkit.config.json_schema import config_schema
from tests.cli.commands import CommandLine

ROOT = Path(__file__).parents[2]


def test_the_json_schema_is_printed(cli: CommandLine) -> None:
    assert json.loads(cli("schema").out) == config_schema()


def test_the_reference_is_the_page_in_the_repository(cli: CommandLine) -> None:
    assert cli("schema", "--markdown").out == (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
