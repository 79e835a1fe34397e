"""Those who are told, on loopback: an HTTP server and an SMTP server, each in a thread of its own."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from evalkit.alert import Alert, AlertKind


def an_alert(**changes: object) -> Alert:
    """Return an alert about a regression, with `changes`."""
    plain: dict[str, object] = {
        "kind": AlertKind.REGRESSION,
        "key": "regression qa.exact GPT",
        "name": "inference-qa",
        "night": "2026-11-23",
        "title": "qa.exact of GPT fell by 4.0 points.",
        "lines": ("The interval is 2.1 to 5.9 points.", "12 samples turned wrong, 3 right."),
        "report": "https://reports.example.org/2026-11-23.html",
        "run": "reports/inference-qa/20261123T023000Z-abc",
        "severity": 4.0,
        "opened": "2026-11-21",
    }
    return Alert(**{**plain, **changes})


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What the server answers once; `hangs` answers nothing until the server is stopped."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "ok"
    hangs: bool = False


class Served:
    """A server in a thread with a loop of its own, on a free port; `_start` and `_stop` are the server's."""

    def __init__(self) -> None:
        self.port = 0
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self.port = await self._start()
        self._is_up.set()
        await self._end.wait()
        await self._stop()

    async def _start(self) -> int:
        raise NotImplementedError

    async def _stop(self) -> None:
        raise NotImplementedError


class Receiver(Served):
    """An HTTP server that keeps what it gets and answers `replies` one after another, then 200."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.got: list[Got] = []
        self._replies = list(replies)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.got.append(Got(request.path_qs, dict(request.headers), await request.read()))
        reply = self._replies.pop(0) if self._replies else Reply()
        if reply.hangs:
            await self._end.wait()
        return web.Response(status=reply.status, text=reply.body, headers=reply.headers)


class Mailbox:
    """Takes mail for everybody but addresses that begin with `nobody`."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.sessions: list[Session] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:  # noqa: N802  the library's name
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox\x07"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  the library's name
        self.mails.append(envelope)
        self.sessions.append(session)
        return "250 OK"


class MailServer(Served):
    """An SMTP server; with `password`, it asks user nightly for it; with a certificate and key, it has TLS."""

    def __init__(
        self,
        *,
        password: str | None = None,
        certificate: tuple[Path, Path] | None = None,
        ssl_at_once: bool = False,
    ) -> None:
        super().__init__()
        self.box = Mailbox()
        self._password = password
        self._tls = None
        self._ssl_at_once = ssl_at_once
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*certificate)

    async def _start(self) -> int:
        at_once = self._tls if self._ssl_at_once else None
        self._server = await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=at_once)
        return self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()

    def _protocol(self) -> SMTP:
        starttls = None if self._ssl_at_once else self._tls
        asks = self._password is not None
        return SMTP(
            self.box,
            hostname="mail.test",
            loop=self._loop,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=self._check if asks else None,
            auth_required=asks,
            auth_require_tls=starttls is not None,
        )

    def _check(self, server: SMTP, session: Session, envelope: Envelope, how: str, given: LoginPassword) -> AuthResult:
        knows = (given.login, given.password) == (b"nightly", (self._password or "").encode())
        return AuthResult(success=knows, handled=False)


def make_certificate(folder: Path) -> tuple[Path, Path] | None:
    """Return a certificate for 127.0.0.1 and its key, made here; None without openssl."""
    if shutil.which("openssl") is None:
        return None
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return certificate, key
