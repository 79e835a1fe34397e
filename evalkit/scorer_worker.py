"""The child process of a python scorer: imports one function, then answers one JSON line with another.

Started with -P by path: it imports nothing of evalkit, and nothing a user's folder could shadow. What the function
prints goes nowhere. It ends when its parent does: at the end of its input, whatever the function is doing.
"""

import asyncio
import ctypes
import importlib
import inspect
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the function named by the arguments: folder, module, function."""
    _, folder, module, function = sys.argv
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    _end_with_parent()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(questions, lines), daemon=True).start()
    sys.path.insert(0, folder)
    try:
        call = getattr(importlib.import_module(module), function)
    except BaseException as error:  # noqa: BLE001  a module may raise anything, SystemExit included
        _send(answers, {"broken": _told(error)})
        return
    _send(answers, {"ready": True})
    while True:
        sample, text = json.loads(lines.get())
        _send(answers, _judge(call, sample, text))


def _judge(call: Callable[[Any, str], Any], sample: Any, text: str) -> dict[str, Any]:
    try:
        result = call(sample, text)
        if inspect.isawaitable(result):
            result = asyncio.run(_awaited(result))
        return _plain(result)
    except BaseException as error:  # noqa: BLE001  the function may raise anything, SystemExit included
        return {"error": _told(error)}


async def _awaited(result: Any) -> Any:
    return await result


def _plain(result: Any) -> dict[str, Any]:
    """Return the function's answer as JSON: value and reason, or what is wrong with its type."""
    reason = ""
    if isinstance(result, dict):
        told = cast("dict[str, Any]", result)
        if "value" not in told:
            return {"error": "the function returned a dict without the key 'value'"}
        result, reason = told["value"], str(told.get("reason") or "")
    if result is None:
        return {"value": None, "reason": reason}
    if isinstance(result, str) or not hasattr(result, "__float__"):
        return {"error": f"the function returned {type(result).__name__}, not bool, float, dict or None"}
    return {"value": repr(float(result)), "reason": reason}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _send(answers: BinaryIO, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[answers.write(line) :]


def _read(source: BinaryIO, lines: "queue.SimpleQueue[bytes]") -> None:
    for line in source:
        lines.put(line)
    os._exit(0)


def _end_with_parent() -> None:
    """Ask Linux to kill this process with its parent: a function that never returns would not see the input end."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
