"""The local provider: its rules here; the real model, its birth and its death in the slow part."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from evalkit.errors import AccessError, ConfigError, ProviderError
from evalkit.local_weights import DEFAULT_WEIGHTS, file_sha256, pull_weights
from evalkit.protocols import ProviderContext
from evalkit.records import FailureKind, PredictionOutcome
from tests.providers.asking import build, request_for

MODEL = DEFAULT_WEIGHTS.model
ROOT = Path(__file__).resolve().parents[2]


def test_one_call_a_slot_and_time_enough():
    provider = build("llamacpp")
    assert (provider.concurrency, provider.slots) == (4, 4)
    assert provider.timeout >= 120


def test_the_url_is_the_model_not_the_port(tmp_path):
    provider = build("llamacpp")
    assert provider.url == f"llamacpp:{DEFAULT_WEIGHTS.sha256}:context=2048"
    assert provider.url == build("llamacpp", slots=2, threads=1).url
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    own = build("llamacpp", gguf="own.gguf", base_dir=str(tmp_path))
    assert file_sha256(tmp_path / "own.gguf") in own.url
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.gguf"):
        _ = build("llamacpp", gguf="missing.gguf", base_dir=str(tmp_path)).url


@pytest.mark.parametrize(
    "options", [{"slots": 0}, {"threads": 0}, {"context": 1}, {"timeout": 3}, {"port": 1}], ids=repr
)
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        build("llamacpp", **options)


def test_without_llamacpp_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProviderError, match=r"pip install 'evalkit\[local\]'"):
        build("llamacpp").open(ProviderContext(models=(MODEL,)))


needs_llamacpp = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed")


@needs_llamacpp
def test_the_small_model_answers_for_no_other():
    with pytest.raises(AccessError, match="not gpt-x"):
        build("llamacpp").open(ProviderContext(models=(MODEL, "gpt-x")))


@pytest.fixture(scope="module")
def weights() -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        return pull_weights()
    except ProviderError as error:
        pytest.skip(f"the weights cannot be had: {error}")


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
async def test_a_real_model_answers_in_a_child_that_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "must-not-reach-the-child")
    params = {"temperature": 0, "max_tokens": 12, "seed": 1}
    async with build("llamacpp").open(ProviderContext(log_dir=tmp_path, models=(MODEL,))) as model:
        pid = model._child.pid
        command, environment = _seen_of(pid)
        prompts = [f"What is the capital of {country}?" for country in ("Japan", "Egypt", "Germany", "Peru")]
        answers = await asyncio.gather(*(model.predict(request_for(p, model=MODEL, params=params)) for p in prompts))
        pieces: list[str] = []
        streamed = await model.predict(request_for("Say hello", model=MODEL, params=params), pieces.append)
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        shape = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}
        shaped = await model.predict(request_for("A number, please", model=MODEL, params={**params, **shape}))
        long = await model.predict(request_for("word " * 4000, model=MODEL))
        assert [listed.id for listed in await model.list_models()] == [MODEL]
    assert {answer.outcome for answer in answers} <= {PredictionOutcome.OK, PredictionOutcome.TRUNCATED}
    assert all(answer.text and answer.usage.total_tokens > 0 and answer.served_model == MODEL for answer in answers)
    assert "".join(pieces) == streamed.text
    assert streamed.timing.first_token_s > 0
    assert shaped.text.lstrip().startswith("{")
    assert long.outcome is PredictionOutcome.TOO_LONG
    assert command.split("\0")[1:3] == ["-m", "evalkit.local_server"]
    assert "must-not-reach-the-child" not in environment
    assert not _is_alive(pid)
    assert "llamacpp.log" in os.listdir(tmp_path)  # noqa: PTH208  pathlib would be called blocking here


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
async def test_a_server_that_dies_stops_the_run_resumably(tmp_path):
    async with build("llamacpp").open(ProviderContext(log_dir=tmp_path, models=(MODEL,))) as model:
        model._child.kill()
        await model._child.wait()
        answer = await model.predict(request_for(model=MODEL))
    assert answer.failure.kind is FailureKind.QUOTA
    assert "signal 9" in answer.failure.message


@pytest.mark.slow
@needs_llamacpp
async def test_a_file_that_is_no_model_is_told(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but not really")
    provider = build("llamacpp", gguf="broken.gguf", base_dir=str(tmp_path))
    with pytest.raises(ProviderError, match="before it was ready"):
        async with provider.open(ProviderContext(models=("x",))):
            pass


PARENT = """
    import asyncio, sys
    from evalkit.protocols import ProviderContext
    from evalkit.registry import Registry

    async def main():
        provider = Registry("evalkit.providers").build("llamacpp", {"slots": 1})
        async with provider.open(ProviderContext(models=("smollm2-135m-instruct",))) as model:
            print(model._child.pid, flush=True)
            await asyncio.sleep(60)

    asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_nothing_outlives_its_parent(number):
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        text=True,
    )
    try:
        child = int(parent.stdout.readline())
        assert _is_alive(child)
        parent.send_signal(number)
        parent.wait(20)
        deadline = time.monotonic() + 10
        while _is_alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _is_alive(child)
    finally:
        parent.kill()
        parent.stdout.close()


def _seen_of(pid: int) -> tuple[str, str]:
    """Return what any process of this user can read of another one: its command line and its environment."""
    return Path(f"/proc/{pid}/cmdline").read_text(), Path(f"/proc/{pid}/environ").read_text()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
