"""An alert as JSON to any address, signed where a secret is given."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.alert import Alert
from evalkit.alert_post import AlertPost, check_variable, read_variable, send_post
from evalkit.alert_texts import AlertTemplate, TextForm, alert_values
from evalkit.errors import AlertError

__all__ = ["Webhook"]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Post an alert as JSON to an address.

    Attributes:
        url_env: the variable that holds the address, which is a secret.
        secret_env: the variable of a secret with which the body is signed: HMAC-SHA256, in hexadecimal after sha256=.
        signature_header: the header that holds the signature.
        headers_env: further headers, each with the variable that holds its value.
        template: a Jinja2 file, beside the config, that makes another JSON body; `{{ title | tojson }}` writes a value.
        base_dir: where a relative template is; the config's folder.
    """

    url_env: str
    secret_env: str | None = None
    signature_header: str = "X-Evalkit-Signature-256"
    headers_env: Mapping[str, str] = field(default_factory=dict[str, str])
    template: str | None = None
    base_dir: Path = Path()

    def __post_init__(self) -> None:
        check_variable("url_env", self.url_env)
        if self.secret_env is not None:
            check_variable("secret_env", self.secret_env)
        for name, variable in self.headers_env.items():
            check_variable(f"headers_env.{name}", variable)
        for name in (self.signature_header, *self.headers_env):
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a header")
        self._template()

    @property
    def variables(self) -> tuple[str, ...]:
        """The address, the signing secret and the headers' values."""
        secret = () if self.secret_env is None else (self.secret_env,)
        return tuple(dict.fromkeys((self.url_env, *secret, *self.headers_env.values())))

    async def send(self, alert: Alert) -> str:
        """Post the alert, once more after a 429 or 5xx; `Idempotency-Key` is the same both times.

        Raises:
            AlertError: it was not taken, a variable is not set, or the template made no JSON.
        """
        body = self._body(alert)
        values = {name: read_variable(variable) for name, variable in self.headers_env.items()}
        headers = {"Content-Type": "application/json", "Idempotency-Key": _delivery(alert), **values}
        if self.secret_env is not None:
            secret = read_variable(self.secret_env)
            headers[self.signature_header] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return await send_post(AlertPost(variable=self.url_env, body=body, headers=headers))

    def _body(self, alert: Alert) -> bytes:
        template = self._template()
        if template is None:
            values = {"schema_version": _SCHEMA_VERSION, "source": "evalkit", **alert_values(alert)}
            return json.dumps(values, ensure_ascii=False).encode()
        text = template.render(alert)
        try:
            json.loads(text)
        except ValueError as error:
            raise AlertError(f"template {self.template!r} makes no JSON: {error}") from None
        return text.encode()

    def _template(self) -> AlertTemplate | None:
        if self.template is None:
            return None
        return AlertTemplate.chosen(self.template, "", TextForm.JSON, self.base_dir)


def _delivery(alert: Alert) -> str:
    """Return what is equal for two tries to deliver one alert of one night."""
    about = json.dumps([alert.name, alert.key, alert.kind, alert.night, alert.is_test])
    return hashlib.sha256(about.encode()).hexdigest()[:32]
