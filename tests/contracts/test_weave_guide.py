"""The W&B Inference guide's two Python examples, and programs of the same shape, against the embedded store."""

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.weave_server import RunningServer, run_script, running_server
from tests.fake_endpoint import FakeEndpoint, Settings
from tests.fake_replies import expected_correct

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "wandb-inference.mdx"
PROJECT = "some-team/some-project"
KEY = "key-that-must-not-be-stored-9f2c"
ANSWERS = {"What is 2 + 2?": "4", "Name a primary color.": "red", "Tell me a joke.": "I would, but it is classified."}
RIGHT, HALF = "meta-llama/Llama-3.1-8B-Instruct", "deepseek-ai/DeepSeek-V3-0324"
EXPECTED = {RIGHT: 1.0, HALF: 0.5}

OURS = """
import asyncio, os
import openai, weave
from weave.flow import leaderboard
from weave.trace.ref_util import get_ref

def main():
    dataset = weave.Dataset(name="questions", rows=weave.Table([
        {"id": "sum", "question": "What is 2 + 2?", "expected": "4"},
        {"id": "color", "question": "Name a primary color.", "expected": "red"},
    ]))

    class Answering(weave.Model):
        model: str

        @weave.op
        async def predict(self, question: str) -> str:
            url, key = os.environ["ENDPOINT"], os.environ["ENDPOINT_KEY"]
            async with openai.AsyncOpenAI(base_url=url, api_key=key) as client:
                reply = await client.chat.completions.create(
                    model=self.model, messages=[{"role": "user", "content": question}])
            return reply.choices[0].message.content

    class Same(weave.Scorer):
        @weave.op
        def score(self, output: str, expected: str) -> dict:
            return {"correct": output == expected}

    evaluation = weave.Evaluation(name="QA", dataset=dataset, scorers=[Same(name="same")])

    async def evaluate():
        await asyncio.gather(*(evaluation.evaluate(Answering(name=name, model=name)) for name in MODELS))

    asyncio.run(evaluate())
    weave.publish(leaderboard.Leaderboard(name="Inference Leaderboard", description="", columns=[
        leaderboard.LeaderboardColumn(evaluation_object_ref=get_ref(evaluation).uri(), scorer_name="same",
                                      summary_metric_path="correct.true_fraction")]))
""".replace("MODELS", repr([RIGHT, HALF]))

REMOTE = OURS + f"\nweave.init({PROJECT!r})\nmain()\n"
IN_PROCESS = (
    "import sys\nfrom pathlib import Path\nfrom evalkit.weave_io.client import open_local_client\n"
    f"{OURS}\nwith open_local_client(Path(sys.argv[0]).with_name('weave.sqlite'), {PROJECT!r}):\n    main()\n"
)

READ_BACK = f"""
import json, sys
from pathlib import Path
from evalkit.weave_io.client import open_local_client
with open_local_client(Path(sys.argv[0]).with_name("weave.sqlite"), {PROJECT!r}) as client:
    import weave
    from weave.flow.leaderboard import get_leaderboard_results
    spec = weave.ref("Inference-Leaderboard:latest").get()
    board = {{}}
    for result in get_leaderboard_results(spec, client):
        model = weave.ref(result.model_ref).get(objectify=False)
        board[model.model] = [score.value for score in result.column_scores[0].scores]
    roots = [call.summary for call in client.get_calls(filter={{"trace_roots_only": True}})]
    print("READ" + json.dumps({{
        "board": board,
        "usage": [dict(root.get("usage") or {{}}) for root in roots],
        "status": [root["weave"]["status"] for root in roots],
        "latest": weave.ref("QA:latest").get(objectify=False).name,
        "feedback": len(list(client.get_feedback())),
    }}, default=dict))
"""


@dataclass
class Bench:
    """A server, an endpoint and a folder, for scripts."""

    server: RunningServer
    endpoint: FakeEndpoint
    folder: Path

    def run(self, source: str) -> str:
        env = {**self.server.exports(), "ENDPOINT": self.endpoint.url, "ENDPOINT_KEY": KEY}
        done = run_script(source, self.folder, env)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    questions = [question for question in ANSWERS if question != "Tell me a joke."]
    wrong_half = (
        seed
        for seed in range(1000)
        if expected_correct(Settings(seed=seed, accuracy={HALF: 0.5}), HALF, questions) == 1
    )
    with FakeEndpoint(seed=next(wrong_half), answers=ANSWERS, accuracy={HALF: 0.5, "*": 1.0}) as opened:
        yield opened


@pytest.fixture
def bench(tmp_path: Path, endpoint: FakeEndpoint) -> Iterator[Bench]:
    with running_server(tmp_path / "weave.sqlite") as server:
        yield Bench(server, endpoint, tmp_path)
        log = server.log.read_text()
    assert "no route" not in log


def read_back(folder: Path) -> dict[str, Any]:
    done = run_script(READ_BACK, folder, {})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("READ")[2])


def assert_board(folder: Path, endpoint: FakeEndpoint, expected_feedback: int = 4) -> None:
    found = read_back(folder)
    assert found["board"] == {model: [score] for model, score in EXPECTED.items()}
    assert set(found["status"]) == {"success"}
    assert found["feedback"] == expected_feedback
    assert found["latest"] == "QA"
    requests = {model: line["requests"] for usage in found["usage"] for model, line in usage.items()}
    assert requests == endpoint.stats()["models"] == {RIGHT: 2, HALF: 2}


def assert_not_stored(secret: str, folder: Path) -> None:
    for path in folder.glob("weave.*"):
        assert secret.encode() not in path.read_bytes(), path


def guide_example(number: int, endpoint: FakeEndpoint) -> str:
    if not GUIDE.exists():
        pytest.skip(f"the guide is not at {GUIDE}")
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    replaced = blocks[number]
    for placeholder, value in {
        "<your-team>/<your-project>": PROJECT,
        "<your-api-key>": "guide-key",
        "https://api.inference.wandb.ai/v1": endpoint.url,
    }.items():
        assert placeholder in replaced
        replaced = replaced.replace(placeholder, value)
    return replaced


def test_the_guides_basic_example_runs_unmodified(bench: Bench) -> None:
    assert bench.run(guide_example(0, bench.endpoint)).strip() == ANSWERS["Tell me a joke."]
    assert bench.server.stop() == 0
    connection = sqlite3.connect(bench.folder / "weave.sqlite")
    calls = connection.execute("SELECT op_name, output, parent_id IS NULL FROM calls ORDER BY started_at").fetchall()
    connection.close()
    assert [("run_chat" in name, root) for name, _, root in calls] == [(True, 1), (False, 0)]
    assert "openai.chat.completions.create" in calls[1][0]
    assert json.loads(calls[0][1]) == ANSWERS["Tell me a joke."]


def test_the_guides_advanced_example_runs_unmodified_and_its_board_is_right(bench: Bench) -> None:
    bench.run(guide_example(1, bench.endpoint))
    assert_board(bench.folder, bench.endpoint)


def test_a_plain_script_runs_and_its_board_is_right(bench: Bench) -> None:
    bench.run(REMOTE)
    assert_board(bench.folder, bench.endpoint)
    assert_not_stored(KEY, bench.folder)


def test_the_same_program_in_process_gives_the_same_board(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    done = run_script(IN_PROCESS, tmp_path, {"ENDPOINT": endpoint.url, "ENDPOINT_KEY": KEY})
    assert done.returncode == 0, done.stderr
    assert_board(tmp_path, endpoint)
    assert_not_stored(KEY, tmp_path)


MEDIA = """
import weave
from PIL import Image

def main():
    image = Image.frombytes("RGB", (16, 16), bytes(range(256)) * 3)
    content = weave.Content.from_bytes(bytes(range(256)) * 40, extension="bin")
    picture, blob = weave.publish({"image": image}, "picture"), weave.publish({"content": content}, "blob")
    assert weave.ref(picture.uri).get()["image"].tobytes() == image.tobytes()
    assert weave.ref(blob.uri).get()["content"].data == bytes(range(256)) * 40
"""


def test_media_come_back_byte_for_byte_on_both_faces(bench: Bench) -> None:
    bench.run(f"{MEDIA}\nweave.init({PROJECT!r})\nmain()\n")
    bench.run(
        "from pathlib import Path\nfrom evalkit.weave_io.client import open_local_client\n"
        f"{MEDIA}\nwith open_local_client(Path('other.sqlite'), {PROJECT!r}):\n    main()\n"
    )
