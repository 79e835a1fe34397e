"""Who is at work: the author of what a command writes into a reviewed file."""

import getpass
import subprocess

__all__ = ["find_author"]


def find_author() -> str:
    """Return who is at work, as git knows them, else the user's name on this machine."""
    found = [_git(key) for key in ("user.name", "user.email")]
    name, email = found
    if name or email:
        return " ".join(part for part in (name, f"<{email}>" if email else "") if part)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _git(key: str) -> str:
    try:
        done = subprocess.run(["git", "config", key], check=False, capture_output=True, text=True, timeout=5)  # noqa: S603, S607  fixed words, no shell
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
