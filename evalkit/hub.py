"""One bounded question to the Hugging Face hub: is this dataset there, and which commit is it at?

The hub's own client tries for 23 s before it says that there is no network; this asks once and gives up in time.
"""

import http.client
import json
from dataclasses import dataclass
from threading import Thread
from typing import cast
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from evalkit.errors import DatasetError

__all__ = ["Hub"]

_WAYS_OUT = "check the network, set HF_HUB_OFFLINE=1 to use what is cached, or name a local folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The hub at one endpoint; `token` is sent to it alone, never to where it redirects."""

    endpoint: str
    token: str | None = None
    timeout_s: float = 5.0

    def commit_of(self, name: str, revision: str | None = None) -> str:
        """Return the commit that `revision` (a branch, a tag or a commit; None: the default branch) now names.

        Raises:
            DatasetError: no network, no such dataset or revision, or no right to read it; within `timeout_s`.
        """
        answers: list[str | DatasetError] = []
        # a thread, for a socket's time limit covers neither looking up a name nor an answer that trickles in
        asking = Thread(target=lambda: answers.append(self._ask(name, revision)), daemon=True)
        asking.start()
        asking.join(self.timeout_s)
        answer = answers[0] if answers else self._unreachable(name, f"no answer within {self.timeout_s:g} s")
        if isinstance(answer, DatasetError):
            raise answer
        return answer

    def _ask(self, name: str, revision: str | None) -> str | DatasetError:
        path = f"/api/datasets/{quote(name)}" + ("" if revision is None else f"/revision/{quote(revision, safe='')}")
        try:
            request = Request(self.endpoint.rstrip("/") + path, headers={"User-Agent": "evalkit"})  # noqa: S310  https or as told
            if self.token:
                request.add_unredirected_header("Authorization", f"Bearer {self.token}")
            with urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310  the same
                found = json.load(response)
        except HTTPError as error:
            with error:
                return self._refused(error, name, revision)
        except OSError as error:
            return self._unreachable(name, str(getattr(error, "reason", error)))
        except (http.client.HTTPException, ValueError) as error:
            return self._unreachable(
                name, type(error).__name__
            )  # its words may quote an endpoint with a password in it
        sha = cast("dict[str, object]", found).get("sha") if isinstance(found, dict) else None
        return sha if isinstance(sha, str) else DatasetError(f"{self._shown} names no commit for the dataset {name!r}")

    def _refused(self, error: HTTPError, name: str, revision: str | None) -> DatasetError:
        code = error.headers.get("X-Error-Code", "")
        if code == "RevisionNotFound":
            return DatasetError(
                f"the dataset {name!r} has no revision {revision!r} at {self._shown}; name a branch, tag or commit"
            )
        if code == "GatedRepo" or error.code == http.HTTPStatus.FORBIDDEN:
            return DatasetError(
                f"the dataset {name!r} is gated at {self._shown}; ask for access there and set HF_TOKEN"
            )
        if error.code in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.NOT_FOUND}:
            return DatasetError(
                f"{self._shown} knows no dataset {name!r}; check the name, or set HF_TOKEN if it is private"
            )
        return DatasetError(
            f"{self._shown} answered {error.code} {error.reason} for the dataset {name!r}; try again later"
        )

    def _unreachable(self, name: str, reason: str) -> DatasetError:
        return DatasetError(f"cannot reach {self._shown} for the dataset {name!r} ({reason}); {_WAYS_OUT}")

    @property
    def _shown(self) -> str:
        """The endpoint without a name or password in it."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
