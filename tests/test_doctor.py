"""The check-up of a provider, for everything that can be wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from evalkit.config.schema import ModelSpec, ThrottleSpec
from evalkit.doctor import Patient, examine
from evalkit.doctor_calls import about_load
from evalkit.doctor_findings import Finding, Status, exit_code_of
from evalkit.doctor_load import Load
from evalkit.errors import ExitCode
from evalkit.providers.openai import OpenAI
from evalkit.records import Failure, FailureKind
from tests.fake_endpoint import FakeEndpoint, Reply

KEY = "0123456789abcdef" * 2 + "01234567"
PROMPT = "Reply with the word ok."
PERSONAL = Reply(429, {"error": {"message": "Inference is not available for personal accounts"}})
ECHO = Reply(400, {"error": {"message": f"strange parameter; you sent {KEY}"}})


def patient_of(url: str, tmp_path: Path, *models: str, **fields: Any) -> Patient:
    options = {"api_key_env": "SOME_KEY", **fields.pop("options", {})}
    return Patient(
        "fake",
        OpenAI(base_url=url, **options),
        [ModelSpec(id=name, provider="fake", label=name) for name in models or ("fake-model",)],
        **{"project": "team/project", "throttle": ThrottleSpec(), "most": 0, "leases": tmp_path, **fields},
    )


async def look(patient: Patient) -> list[Finding]:
    return [finding async for finding in examine(patient)]


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.status.value for finding in findings}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)


WELL = {"key": "ok", "others": "ok", "models": "ok", "call": "ok", "access": "ok"}


@pytest.mark.parametrize(
    ("settings", "fields", "expected", "code", "words"),
    [
        pytest.param({}, {}, WELL, 0, "fake-model answers in", id="well"),
        pytest.param(
            {"api_key": "other"}, {}, {"access": "fail", "call": "skip"}, 6, "check the API key", id="wrong key"
        ),
        pytest.param(
            {"project": "team/other"},
            {"options": {"project_header": True}},
            {"project": "ok", "access": "fail"},
            6,
            "that the team and project exist",
            id="wrong project",
        ),
        pytest.param(
            {"replies": {PROMPT: [PERSONAL]}}, {}, {"account": "fail"}, 6, "create a team", id="personal account"
        ),
        pytest.param({"faults": {"403": 1.0}}, {}, {"region": "fail"}, 6, "some countries", id="region"),
        pytest.param({"faults": {"quota": 1.0}}, {}, {"quota": "fail", "models": "ok"}, 3, "add credits", id="quota"),
        pytest.param({"faults": {"429": 1.0}}, {}, {"call": "warn"}, 0, "somebody else", id="concurrency"),
        pytest.param({"faults": {"404": 1.0}}, {}, {"call": "fail"}, 6, "evalkit models", id="unknown model"),
        pytest.param({"faults": {"500": 1.0}}, {}, {"call": "fail", "models": "ok"}, 3, "try again later", id="outage"),
        pytest.param(
            {"replies": {PROMPT: [ECHO]}}, {}, {"call": "fail"}, 2, "change the model's params", id="bad params"
        ),
        pytest.param({"lists_models": False}, {}, WELL, 0, "keeps no list", id="no list"),
        pytest.param(
            {"models": ["fake-mode1"]}, {}, {"models": "fail"}, 6, "did you mean 'fake-mode1'", id="not listed"
        ),
        pytest.param(
            {
                "replies": {
                    PROMPT: [Reply(200, {"model": "quite-another", "choices": [{"message": {"content": "ok"}}]})]
                }
            },
            {},
            {"call": "warn", "access": "ok"},
            0,
            "answered by 'quite-another'",
            id="another model answers",
        ),
        pytest.param(
            {"fault_at": {1: "hang"}}, {"deadline_s": 0.2}, {"call": "fail"}, 3, "no answer within", id="hang"
        ),
    ],
)
async def test_finds(  # noqa: PLR0917  the columns of the table
    tmp_path: Path,
    fake_endpoint: FakeEndpoint,
    settings: dict[str, Any],
    fields: dict[str, Any],
    expected: dict[str, str],
    code: int,
    words: str,
) -> None:
    fake_endpoint.configure(settings)
    findings = await look(patient_of(fake_endpoint.url, tmp_path, **fields))
    found = statuses(findings)
    assert {check: found.get(check) for check in expected} == expected, findings
    assert exit_code_of(findings) == code
    assert words in " ".join(finding.message for finding in findings)
    assert KEY not in repr(findings)


async def test_a_server_that_is_down_is_asked_no_more_than_needed(tmp_path: Path) -> None:
    with FakeEndpoint() as endpoint:
        url = endpoint.url
    findings = await look(patient_of(url, tmp_path, "a", "b", "c", "d"))
    assert [f.status for f in findings if f.check == "call"] == [Status.FAIL, Status.FAIL, Status.SKIP]
    assert statuses(findings)["models"] == "fail"
    assert exit_code_of(findings) is ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("key", "project", "failing"),
    [
        pytest.param("", "team/project", {"key"}, id="no key"),
        pytest.param("two words", "team/project", {"key"}, id="a key with a space"),
        pytest.param(KEY, None, {"project"}, id="no project"),
        pytest.param(KEY, "local/name", {"project"}, id="the embedded store's project"),
        pytest.param(KEY, "project", {"project"}, id="no team"),
        pytest.param(KEY, "team/project/more", {"project"}, id="too many parts"),
        pytest.param("", "", {"key", "project"}, id="both"),
    ],
)
async def test_nothing_is_sent_without_key_and_project(  # noqa: PLR0917  the columns of the table
    tmp_path: Path,
    fake_endpoint: FakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    project: str | None,
    failing: set[str],
) -> None:
    monkeypatch.setenv("SOME_KEY", key)
    patient = patient_of(fake_endpoint.url, tmp_path, project=project, options={"project_header": True})
    findings = await look(patient)
    assert {finding.check for finding in findings if finding.status is Status.FAIL} == failing
    assert exit_code_of(findings) is ExitCode.ACCESS
    assert fake_endpoint.stats()["requests"] == 0


async def test_a_key_of_another_form_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "pasted-half")
    options = {"api_key_env": "WANDB_API_KEY", "project_header": True}
    patient = patient_of("https://api.inference.wandb.ai/v1", tmp_path, project=None, options=options)
    assert statuses(await look(patient)) == {"key": "warn", "project": "fail", "others": "ok", "endpoint": "skip"}


async def test_each_model_is_asked_once_with_its_parameters(tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.settings.models = ["one", "two"]
    patient = patient_of(fake_endpoint.url, tmp_path, "one", "two", "one")
    patient.models[0].params.update({"temperature": 0.5, "max_tokens": 4000})
    patient.models[1].params.update({"max_completion_tokens": 4000})
    findings = await look(patient)
    assert [finding.status for finding in findings if finding.check == "call"] == [Status.OK, Status.OK]
    sent = {body["model"]: body for body in fake_endpoint.book.bodies}
    assert fake_endpoint.stats()["requests"] == 2
    assert (sent["one"]["temperature"], sent["one"]["max_tokens"]) == (0.5, 8)
    assert sent["two"]["max_completion_tokens"] == 8
    assert "max_tokens" not in sent["two"]


async def test_without_a_config_a_small_known_model_is_asked(tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.settings.models = ["deepseek-ai/DeepSeek-V3-0324", "meta-llama/Llama-3.1-8B-Instruct", "new/one"]
    patient = patient_of(fake_endpoint.url, tmp_path)
    await look(Patient("fake", patient.provider, [], None, ThrottleSpec(), 0, tmp_path))
    assert fake_endpoint.stats()["models"] == {"meta-llama/Llama-3.1-8B-Instruct": 1}


@pytest.mark.parametrize(
    ("load", "throttle", "status", "words"),
    [
        pytest.param(Load(16, 0, 31), {}, "ok", "at least 16 calls at once are taken", id="no limit met"),
        pytest.param(Load(5, 8, 20), {}, "ok", "a run learns this", id="adaptive"),
        pytest.param(Load(5, 8, 20), {"adaptive": False}, "warn", "max_concurrency to 5", id="fixed above"),
        pytest.param(Load(5, 8, 20), {"adaptive": False, "max_concurrency": 4}, "ok", "stays below", id="fixed below"),
        pytest.param(
            Load(2, 0, 7, Failure(FailureKind.QUOTA, "no credits", 429)), {}, "fail", "no credits", id="quota meanwhile"
        ),
    ],
)
def test_what_is_said_of_the_limit(load: Load, throttle: dict[str, Any], status: str, words: str) -> None:
    finding = about_load("fake", load, ThrottleSpec(**throttle))
    assert finding.status.value == status
    assert words in finding.message
    assert finding.data["safe_concurrency"] == load.taken


@pytest.mark.slow
async def test_measures_the_endpoints_limit(tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.configure({"max_concurrency": 5, "latency_s": 1.0})
    findings = await look(patient_of(fake_endpoint.url, tmp_path, most=16))
    limit = next(finding for finding in findings if finding.check == "limit")
    assert limit.data["safe_concurrency"] in {4, 5}
    assert fake_endpoint.stats()["requests"] <= 1 + 46
