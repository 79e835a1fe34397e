"""A message in a Slack channel, or in one of a server that takes Slack's messages, such as Mattermost."""

import json
from dataclasses import dataclass
from pathlib import Path

from evalkit.alert import Alert
from evalkit.alert_post import AlertPost, check_variable, send_post
from evalkit.alert_texts import AlertTemplate, TextForm
from evalkit.records import Json

__all__ = ["Slack"]

_MOST_CHARACTERS = 2900
"""Slack takes 3,000 in a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Post to an incoming webhook of Slack or Mattermost.

    Attributes:
        url_env: the variable that holds the webhook's address, which is a secret.
        channel: the channel to post to, where the webhook may choose (Mattermost); Slack's own cannot.
        template: a Jinja2 file, beside the config, for the message's text in Slack's mrkdwn.
        base_dir: where a relative template is; the config's folder.
    """

    url_env: str = "SLACK_WEBHOOK_URL"
    channel: str | None = None
    template: str | None = None
    base_dir: Path = Path()

    def __post_init__(self) -> None:
        check_variable("url_env", self.url_env)
        self._template()

    @property
    def variables(self) -> tuple[str, ...]:
        """The webhook's address."""
        return (self.url_env,)

    async def send(self, alert: Alert) -> str:
        """Post the message, once more where Slack says to wait.

        Raises:
            AlertError: it was not taken.
        """
        body = json.dumps(self._message(alert), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await send_post(AlertPost(variable=self.url_env, body=body, headers=headers))

    def _message(self, alert: Alert) -> dict[str, Json]:
        """Return blocks for Slack, and the same text for notifications and for servers that know no blocks."""
        text = self._template().render_within(alert, _MOST_CHARACTERS)
        footer = AlertTemplate(_FOOTER, TextForm.MRKDWN, "footer").render(alert)
        message: dict[str, Json] = {
            "text": text,
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": text}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]},
            ],
        }
        return message if self.channel is None else {**message, "channel": self.channel}

    def _template(self) -> AlertTemplate:
        return AlertTemplate.chosen(self.template, "slack.j2", TextForm.MRKDWN, self.base_dir)


_FOOTER = "{{ name }}, night of {{ night }}{% if opened and opened != night %}, since {{ opened }}{% endif %}"
