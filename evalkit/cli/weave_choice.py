"""Where traces and results of a command go: W&B, the embedded store, or nowhere; and why there."""

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.config.schema import WeaveSpec
from evalkit.errors import AccessError

__all__ = ["WeaveChoice", "choose_weave"]


@dataclass(frozen=True, slots=True)
class WeaveChoice:
    """A backend (local, wandb, both, off), the project in it, and the reason in a few words."""

    backend: str
    project: str
    why: str


def choose_weave(spec: WeaveSpec, env: Mapping[str, str], *, name: str, off: str | None = None) -> WeaveChoice:
    """Return where to go; `name` is the project where none is given, `off` the option that wants nowhere.

    Raises:
        AccessError: the config says wandb, and the key or the project is missing.
    """
    project, backend = spec.project or f"local/{name}", spec.backend
    needed = {"WANDB_API_KEY": env.get("WANDB_API_KEY"), "weave.project": spec.project}
    missing = next((name for name, value in needed.items() if not value), None)
    if off is not None:
        return WeaveChoice("off", project, off)
    if backend == "wandb" and missing is not None:
        raise AccessError(f"weave.backend is wandb, and {missing} is not set; set it, or use backend auto or local")
    if backend != "auto":
        return WeaveChoice(backend, project, "the config says so")
    if missing is None:
        return WeaveChoice("wandb", project, "WANDB_API_KEY and weave.project are set")
    return WeaveChoice("local", project, f"{missing} is not set")
