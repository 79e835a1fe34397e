from pathlib import Path

import pytest

from tests.config.written import GOOD, errors

SCORERS = {
    "no such scorer": (
        "{use: exat}",
        "config.yaml:4:24: scorers.exact.use: no scorer is called 'exat'; did you mean 'exact'?",
    ),
    "no such class": (
        "{use: 'evalkit.errors:Nothing'}",
        (
            "config.yaml:4:24: scorers.exact.use: cannot import 'evalkit.errors:Nothing': module 'evalkit.errors' has"
            " no attribute 'Nothing'; write package.module:Class of an installed package"
        ),
    ),
    "no such option": (
        "{use: exact, ignor_case: true}",
        "config.yaml:4:31: scorers.exact.ignor_case: scorer 'exact' has no such option; did you mean 'ignore_case'?",
    ),
    "a common key misspelled": (
        "{use: exact, extrct: [number]}",
        "config.yaml:4:31: scorers.exact.extrct: scorer 'exact' has no such option; did you mean 'extract'?",
    ),
    "an option of the wrong type": (
        "{use: exact, ignore_case: 3}",
        "config.yaml:4:44: scorers.exact.ignore_case: Input should be a valid boolean",
    ),
    "range": (
        "{use: exact, range: [0, 5]}",
        "config.yaml:4:31: scorers.exact.range: 'exact' gives values in [0, 1] only; leave it out",
    ),
    "a step that is none": (
        "{use: exact, extract: [numbr]}",
        "config.yaml:4:41: scorers.exact.extract.0: no step is called 'numbr'; did you mean 'number'?",
    ),
    "a lenient step that is none": (
        "{use: exact, lenient_extract: [lower, {aftr: x}]}",
        "config.yaml:4:56: scorers.exact.lenient_extract.1: no step is called 'aftr'; did you mean 'after'?",
    ),
    "a required option": ("{use: pattern}", "config.yaml:4:18: scorers.exact.pattern: is required"),
}


@pytest.mark.parametrize(("scorer", "line"), SCORERS.values(), ids=SCORERS)
def test_scorers(tmp_path: Path, scorer: str, line: str) -> None:
    assert errors(tmp_path, GOOD.replace("{use: exact}", scorer)) == [line]


def test_every_option_of_a_plugin_is_told_at_once(tmp_path: Path) -> None:
    scorer = "{use: exact, ignore_case: 3, ignore_space: 4, zzz: 1}"
    lines = errors(tmp_path, GOOD.replace("{use: exact}", scorer))
    assert [line.split(": ")[1] for line in lines] == [
        "scorers.exact.ignore_case",
        "scorers.exact.ignore_space",
        "scorers.exact.zzz",
    ]


PROVIDERS = {
    "no such provider": (
        "{use: opnai}",
        "config.yaml:5:22: providers.p.use: no provider is called 'opnai'; did you mean 'openai'?",
    ),
    "no such option": (
        "{use: openai, base_ur: x}",
        "config.yaml:5:30: providers.p.base_ur: provider 'openai' has no such option; did you mean 'base_url'?",
    ),
    "a value the plugin refuses": (
        "{use: openai, base_url: nowhere}",
        "config.yaml:5:16: providers.p: base_url must be an http or https address such as http://127.0.0.1:8000/v1",
    ),
    "evalkit's own field": (
        "{use: llamacpp, base_dir: /}",
        "config.yaml:5:32: providers.p.base_dir: provider 'llamacpp' has no such option",
    ),
}


@pytest.mark.parametrize(("provider", "line"), PROVIDERS.values(), ids=PROVIDERS)
def test_providers(tmp_path: Path, provider: str, line: str) -> None:
    lines = errors(tmp_path, f"{GOOD}providers: {{p: {provider}}}\n")
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_a_plugin_of_ones_own(tmp_path: Path) -> None:
    assert (
        errors(tmp_path, GOOD.replace("{use: exact}", "{use: 'evalkit.scorers.exact:Exact', ignore_case: false}")) == []
    )


ALERTS = {
    "no such channel": (
        "{use: slak}",
        "config.yaml:5:26: nightly.alerts.0.use: no alert is called 'slak'; did you mean 'slack'?",
    ),
    "no such option": (
        "{use: slack, url: 'https://hooks.example.org/canary'}",
        "config.yaml:5:33: nightly.alerts.0.url: alert 'slack' has no such option; did you mean 'url_env'?",
    ),
    "a secret instead of its variable": (
        "{use: slack, url_env: 'https://hooks.example.org/canary'}",
        (
            "config.yaml:5:20: nightly.alerts.0: url_env must be the name of an environment variable, such as"
            " ALERT_URL, not its value"
        ),
    ),
    "a variable that is not named": (
        "{use: webhook}",
        "config.yaml:5:20: nightly.alerts.0.url_env: is required",
    ),
    "no such kind": (
        "{use: slack, on: [regresion]}",
        (
            "config.yaml:5:38: nightly.alerts.0.on.0: must be one of regression, recovery, could_not_run, moved,"
            " catalog, not 'regresion'; did you mean 'regression'?"
        ),
    ),
    "a template that is not there": (
        "{use: slack, template: none.j2}",
        "config.yaml:5:20: nightly.alerts.0: template 'none.j2' cannot be read (No such file or directory)",
    ),
    "evalkit's own field": (
        "{use: slack, base_dir: /}",
        (
            "config.yaml:5:33: nightly.alerts.0.base_dir: alert 'slack' has no such option; known: channel, on,"
            " template, url_env, use"
        ),
    ),
}


@pytest.mark.parametrize(("alert", "line"), ALERTS.values(), ids=ALERTS)
def test_alerts(tmp_path: Path, alert: str, line: str) -> None:
    assert errors(tmp_path, f"{GOOD}nightly: {{alerts: [{alert}]}}\n") == [line]


def test_a_template_of_an_alert_that_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("\n{{ title", encoding="utf-8")
    [line] = errors(tmp_path, f"{GOOD}nightly: {{alerts: [{{use: slack, template: mine.j2}}]}}\n")
    assert line.startswith("config.yaml:5:20: nightly.alerts.0: template 'mine.j2': line 2: ")
