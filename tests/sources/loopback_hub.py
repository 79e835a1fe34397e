"""A small Hugging Face hub on loopback: the routes that `datasets` and `huggingface_hub` need to load a dataset."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Repository:
    """One dataset: names of branches and tags to commits, commits to files."""

    revisions: dict[str, str]
    commits: dict[str, dict[str, bytes]]

    def commit(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.revisions.get(revision)


@dataclass
class LoopbackHub:
    """Serves repositories on 127.0.0.1 while entered.

    `answers` overrides what is said on a path; `asked` keeps (method and path, Authorization header) of each request.
    A `silent` hub takes a request and never answers it.
    """

    repositories: Mapping[str, Repository] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    silent: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closed = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: str) -> Answer:
        if self.silent:
            self._closed.wait(30)
        if path in self.answers:
            return self.answers[path]
        # /api/datasets/OWNER/NAME[/KIND/REVISION[/FILE]] and /datasets/OWNER/NAME/resolve/REVISION/FILE
        owner, name, kind, revision, file = [*path.removeprefix("/api").split("/", 6)[2:], *[""] * 5][:5]
        repository = self.repositories.get(f"{owner}/{name}")
        if repository is None:
            return _refusal("RepoNotFound")
        commit = repository.commit(revision or "main")
        if commit is None:
            return _refusal("RevisionNotFound")
        files = repository.commits[commit]
        if kind == "resolve":
            return _file(files, file, commit)
        if kind == "tree":
            return _tree(files, file, recursive=parse_qs(query).get("recursive") == ["true"])
        return _json({"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files]})


def refusal(status: int, code: str = "") -> Answer:
    """An error as the hub words it: its reason lies in a header."""
    return status, {"X-Error-Code": code} if code else {}, b"{}"


def _refusal(code: str) -> Answer:
    return refusal(404, code)


def _handler_of(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.asked.append((f"{self.command} {self.path}", self.headers.get("Authorization")))
            url = urlsplit(self.path)
            status, headers, content = hub.answer(unquote(url.path), url.query)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815  the server looks for this name

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _file(files: dict[str, bytes], name: str, commit: str) -> Answer:
    if name not in files:
        return _refusal("EntryNotFound")
    return 200, {"ETag": f'"{_hash(files[name])}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}, files[name]


def _tree(files: dict[str, bytes], folder: str, *, recursive: bool) -> Answer:
    inside = f"{folder}/" if folder else ""
    below = {name.removeprefix(inside): content for name, content in files.items() if name.startswith(inside)}
    if not below:
        return _refusal("EntryNotFound")
    entries = [
        {"type": "file", "path": inside + name, "size": len(content), "oid": _hash(content)}
        for name, content in below.items()
        if recursive or "/" not in name
    ]
    folders = sorted({name.partition("/")[0] for name in below if "/" in name})
    return _json(
        [{"type": "directory", "path": inside + name, "size": 0, "oid": _hash(b"")} for name in folders] + entries
    )


def _json(value: Any) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
