"""Models behind any server that speaks OpenAI's chat completions: W&B Inference, OpenAI, vLLM, a gateway."""

import os
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from evalkit.chat_client import ChatModel, open_chat_model
from evalkit.chat_endpoint import ChatEndpoint
from evalkit.errors import AccessError
from evalkit.protocols import ProviderContext

__all__ = ["OpenAI"]

_OPENAI_URL = "https://api.openai.com/v1"
_KEY_OF = {_OPENAI_URL: "OPENAI_API_KEY", "https://api.inference.wandb.ai/v1": "WANDB_API_KEY"}
_SECRET_HEADER = re.compile(r"(?i)authorization|api[-_]?key|token|secret|password|cookie")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """Call an OpenAI-compatible endpoint.

    Attributes:
        base_url: where the API begins, with its /v1.
        api_key_env: the variable that holds the key; left out, OPENAI_API_KEY for OpenAI itself, WANDB_API_KEY for
            W&B Inference, and no key for any other base_url.
        project_header: send weave.project as OpenAI-Project, which W&B Inference bills and limits by.
        headers: sent with every call; never a secret.
        connect_timeout: seconds to open a connection.
        check_models: refuse, before the first call, a model that the endpoint does not list; false for a gateway that
            serves more than it lists.
    """

    base_url: str = _OPENAI_URL
    api_key_env: str | None = None
    project_header: bool = False
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    connect_timeout: float = 10.0
    check_models: bool = True

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must be an http or https address such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "base_url must hold no user, password, query or fragment; api_key_env names the key's variable"
            )
        for name, value in self.headers.items():
            if _SECRET_HEADER.search(name):
                raise ValueError(
                    f"header {name!r} would put a secret in the config; api_key_env names the key's variable"
                )
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"header {name!r} is not a header that HTTP can carry")
        if self.connect_timeout <= 0:
            raise ValueError("connect_timeout must be above 0 seconds")

    @property
    def url(self) -> str:
        """The address without its last slash: one endpoint, one name."""
        return self.base_url.rstrip("/")

    @property
    def concurrency(self) -> int | None:
        """None: how much an endpoint takes is learned from its answers."""
        return None

    @property
    def key_variable(self) -> str | None:
        """The only variable that is read; None when no key is sent."""
        return self.api_key_env or _KEY_OF.get(self.url)

    def open(self, context: ProviderContext) -> AbstractAsyncContextManager[ChatModel]:
        """Read the key and open the client.

        Raises:
            AccessError: the key's variable is not set, or a project is needed and not given.
        """
        headers = dict(self.headers)
        key = self._key()
        if self.project_header:
            headers["OpenAI-Project"] = self._project(context)
        endpoint = ChatEndpoint(
            base_url=self.url,
            key=key,
            headers=headers,
            connect_timeout=self.connect_timeout,
            images=context.images,
        )
        return open_chat_model(endpoint)

    def _key(self) -> str | None:
        variable = self.key_variable
        if variable is None:
            return None
        key = os.environ.get(variable, "").strip()
        if not key:
            where = "; get one at https://wandb.ai/authorize" if variable == "WANDB_API_KEY" else ""
            raise AccessError(f"no key for {self.url}: the variable {variable} is not set{where}")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise AccessError(f"the variable {variable} holds a key with spaces or special characters: copy it again")
        return key

    def _project(self, context: ProviderContext) -> str:
        project = (context.project or "").strip()
        if not project or project.startswith("local/"):
            raise AccessError(
                f"no project for {self.url}: set weave.project to your-team/your-project, which pays for the calls"
            )
        if not project.isascii() or not project.isprintable():
            raise AccessError(
                f"weave.project {project!r} cannot be sent as a header: use letters, digits, - and _ alone"
            )
        return project
