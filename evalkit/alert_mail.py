"""One e-mail through SMTP, in a thread that can be given up: a server that hangs delays nobody."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from evalkit.errors import AlertError

__all__ = ["MailServer", "deliver"]

_STEP_S = 10.0
"""How long the server may take for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """An SMTP server; `security` is starttls, ssl or none, `login` the user's name and password."""

    host: str
    port: int
    security: str
    ca_file: Path | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)


async def deliver(server: MailServer, message: EmailMessage) -> None:
    """Send the message, which is given a date and an id. When this is cancelled, the connection is cut.

    Raises:
        AlertError: it was not taken, or not by everybody; the message shows no password.
    """
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=str(message["From"]).rpartition("@")[2])
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str | None] = loop.create_future()
    work = _Delivery(server, message)

    def run() -> None:
        problem = work.run()
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for this any more
            loop.call_soon_threadsafe(lambda: done.done() or done.set_result(problem))

    threading.Thread(target=run, name="evalkit-mail", daemon=True).start()
    try:
        problem = await done
    except asyncio.CancelledError:
        work.cut()
        raise
    if problem is not None:
        raise AlertError(problem)


_MEANINGS = {
    421: "service not available",
    450: "mailbox unavailable for now",
    451: "error in processing",
    452: "insufficient system storage",
    454: "temporary authentication failure",
    500: "command unrecognized",
    501: "syntax error in parameters",
    502: "command not implemented",
    503: "bad sequence of commands",
    504: "parameter not implemented",
    530: "authentication required",
    534: "authentication mechanism too weak",
    550: "mailbox unavailable",
    551: "user not local",
    552: "exceeded storage allocation",
    553: "mailbox name not allowed",
    554: "transaction failed",
}
"""What the codes of RFC 5321 and 4954 stand for: a server's own words may echo a secret in any disguise."""


class _Delivery:
    """One delivery in its thread; `cut` may be called from another one."""

    def __init__(self, server: MailServer, message: EmailMessage) -> None:
        self._server = server
        self._message = message
        self._socket: socket.socket | None = None
        self._is_cut = False

    def run(self) -> str | None:
        """Deliver; return what went wrong, in words that hold no secret."""
        try:
            missed = self._send()
        except Exception as error:  # noqa: BLE001  whatever it is, it is one sentence and never a dead thread
            return f"{self._where} {self._problem(error)}"
        return f"{self._where} refused {', '.join(sorted(missed))}" if missed else None

    def cut(self) -> None:
        """End the connection, so that the thread ends too."""
        self._is_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self) -> dict[str, tuple[int, bytes]]:
        server = self._server
        with self._connect() as smtp:
            self._follow(smtp)
            if server.security == "starttls":
                smtp.starttls(context=self._trust())
                self._follow(smtp)
            if server.login is not None:
                smtp.login(*server.login)
            return smtp.send_message(self._message)

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "ssl":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_STEP_S, context=self._trust())
        return smtplib.SMTP(server.host, server.port, timeout=_STEP_S)

    def _follow(self, smtp: smtplib.SMTP) -> None:
        self._socket = smtp.sock
        if self._is_cut:
            raise OSError("given up")

    def _trust(self) -> ssl.SSLContext:
        ca_file = self._server.ca_file
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))

    def _problem(self, error: Exception) -> str:
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"refused the user or the password (SMTP {error.smtp_code})"
            case smtplib.SMTPRecipientsRefused():
                return f"refused every recipient: {self._words(next(iter(error.recipients.values())))}"
            case smtplib.SMTPResponseException():
                return f"refused it: {self._words((error.smtp_code, error.smtp_error))}"
            case smtplib.SMTPNotSupportedError():
                return "has no STARTTLS, or no login: nothing was sent"
            case ssl.SSLCertVerificationError():
                return "has a certificate that is not to be trusted; ca_file names one that is"
            case _:
                return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"

    @property
    def _where(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _words(self, reply: tuple[int, bytes | str]) -> str:
        code, _ = reply
        meaning = _MEANINGS.get(code)
        return f"SMTP {code}{f' ({meaning})' if meaning else ''}"
