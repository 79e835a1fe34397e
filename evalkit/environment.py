"""What a run was made with: versions, the state of git, the machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evalkit.records import Json

__all__ = ["describe_git", "describe_machine", "describe_versions"]

_PACKAGES = ("evalkit", "weave", "openai", "datasets")


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, evalkit and the libraries that touch a number or a call."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe_git(folder: Path) -> dict[str, Json] | None:
    """Return the commit of the checkout that holds `folder` and whether it has changes; None outside of one."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(changes)}


def describe_machine() -> dict[str, Json]:
    """Return the system and its number of processors; no name, user or address."""
    return {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=5)  # noqa: S603  fixed words, no shell
    return done.stdout.strip()
