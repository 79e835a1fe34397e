"""An alert as an e-mail, through any server that speaks SMTP."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from evalkit.alert import Alert
from evalkit.alert_mail import MailServer, deliver
from evalkit.alert_post import check_variable, read_variable
from evalkit.alert_texts import AlertTemplate, TextForm, alert_values
from evalkit.digest import digest_json

__all__ = ["Email"]

_ADDRESS = re.compile(r"[^\s@<>,;\"']+@[^\s@<>,;\"']+")
_PORTS = {"starttls": 587, "ssl": 465, "none": 25}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Send an e-mail through an SMTP server, as text and HTML.

    Attributes:
        host: the server.
        port: its port; 587 with starttls, 465 with ssl, 25 with none, when left out.
        security: starttls (refused by a server that has none: then nothing is sent), ssl, or none.
        ca_file: certificates to trust, beside the config, for a server whose certificate is of one's own making.
        user_env: the variable that holds the user's name, where the server asks for one.
        password_env: the variable that holds the password.
        sender: the address it is from.
        to: one address, or a list of them.
        template: a Jinja2 file, beside the config, for the text.
        html_template: one for the HTML.
        base_dir: where relative paths start; the config's folder.
    """

    host: str
    sender: str
    to: str | tuple[str, ...]
    port: int | None = None
    security: Literal["starttls", "ssl", "none"] = "starttls"
    ca_file: str | None = None
    user_env: str | None = None
    password_env: str | None = None
    template: str | None = None
    html_template: str | None = None
    base_dir: Path = Path()

    def __post_init__(self) -> None:
        for option, name in (("user_env", self.user_env), ("password_env", self.password_env)):
            if name is not None:
                check_variable(option, name)
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("user_env and password_env go together; give both or neither")
        if self.security == "none" and self.password_env is not None and self.host not in _HERE:
            raise ValueError("security: none would send the password in the clear; use starttls or ssl")
        if not self._recipients or not all(_ADDRESS.fullmatch(each) for each in (self.sender, *self._recipients)):
            raise ValueError("sender and to must be bare addresses such as nightly@example.org")
        if not self.host or self.host.split() != [self.host]:
            raise ValueError("host must be the name of a server")
        if self.ca_file is not None and not (self.base_dir / self.ca_file).is_file():
            raise ValueError(f"ca_file {self.ca_file!r} is not there")
        self._text()
        self._html()

    @property
    def variables(self) -> tuple[str, ...]:
        """The user's name and the password."""
        return tuple(name for name in (self.user_env, self.password_env) if name is not None)

    async def send(self, alert: Alert) -> str:
        """Send the e-mail. Mails about one alert hang together in a thread.

        Raises:
            AlertError: a variable is not set, or the server did not take it.
        """
        login = self._login()
        server = MailServer(
            host=self.host,
            port=self.port or _PORTS[self.security],
            security=self.security,
            ca_file=None if self.ca_file is None else self.base_dir / self.ca_file,
            login=login,
        )
        await deliver(server, self._message(alert))
        return f"sent to {', '.join(self._recipients)}"

    @property
    def _recipients(self) -> tuple[str, ...]:
        return (self.to,) if isinstance(self.to, str) else self.to

    def _login(self) -> tuple[str, str] | None:
        if self.user_env is None or self.password_env is None:
            return None
        return read_variable(self.user_env), read_variable(self.password_env)

    def _message(self, alert: Alert) -> EmailMessage:
        values = alert_values(alert)
        message = EmailMessage()
        message["Subject"] = f"[evalkit] {values['name']}: {values['title']}"
        message["From"] = self.sender
        message["To"] = ", ".join(self._recipients)
        domain = self.sender.rpartition("@")[2]
        thread = digest_json([alert.name, alert.key]).removeprefix("sha256:")[:24]
        message["References"] = f"<evalkit.{thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._text().render(alert) + "\n")
        message.add_alternative(self._html().render(alert) + "\n", subtype="html")
        return message

    def _text(self) -> AlertTemplate:
        return AlertTemplate.chosen(self.template, "email.txt.j2", TextForm.PLAIN, self.base_dir)

    def _html(self) -> AlertTemplate:
        return AlertTemplate.chosen(self.html_template, "email.html.j2", TextForm.HTML, self.base_dir)
