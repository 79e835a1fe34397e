"""The fake endpoint is itself held to what tests and benchmarks assume of it."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from evalkit.protocols import ProviderContext
from tests.fake_endpoint import FakeEndpoint
from tests.fake_replies import Settings, draw_fault, expected_correct
from tests.providers.asking import build, request_for

ROOT = Path(__file__).resolve().parents[1]
PROMPTS = [f"q{i}" for i in range(60)]


async def test_how_many_are_right_is_known_beforehand():
    with FakeEndpoint(accuracy={"m": 0.6}, answers={prompt: f"right {prompt}" for prompt in PROMPTS}) as endpoint:
        async with build("openai", base_url=endpoint.url).open(ProviderContext()) as model:
            answers = await asyncio.gather(*(model.predict(request_for(prompt, model="m")) for prompt in PROMPTS))
        right = sum(answer.text == f"right {prompt}" for answer, prompt in zip(answers, PROMPTS, strict=True))
        assert right == expected_correct(endpoint.settings, "m", PROMPTS)
        assert 20 < right < 50


async def test_more_in_flight_than_allowed_are_refused():
    with FakeEndpoint(max_concurrency=3, latency_s=0.05, retry_after="1") as endpoint:
        async with build("openai", base_url=endpoint.url).open(ProviderContext()) as model:
            answers = await asyncio.gather(*(model.predict(request_for(prompt)) for prompt in PROMPTS[:5]))
        assert [answer.failure.status for answer in answers if answer.failure] == [429, 429]
        assert endpoint.stats()["statuses"] == {"200": 3, "429": 2}


def test_faults_are_drawn_by_prompt_and_attempt_not_by_arrival():
    settings = Settings(faults={"500": 0.3, "reset": 0.2}, fault_attempts=1)
    first = [draw_fault(settings, "m", prompt, 1) for prompt in PROMPTS]
    assert first == [draw_fault(settings, "m", prompt, 1) for prompt in PROMPTS]
    assert set(first) == {None, "500", "reset"}
    assert {draw_fault(settings, "m", prompt, 2) for prompt in PROMPTS} == {None}


@pytest.mark.slow
@pytest.mark.parametrize("how", [["-m", "tests.fake_endpoint"], ["tests/fake_endpoint.py"]], ids=["module", "path"])
def test_it_runs_on_its_own(how):
    command = [sys.executable, *how, "--set", 'models=["a"]']
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/models") as reply:
            assert [model["id"] for model in json.load(reply)["data"]] == ["a"]
        process.terminate()
        assert process.wait(5) == 0
