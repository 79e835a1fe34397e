"""The child process that serves a GGUF file: llama.cpp's own server on a free loopback port, gone with its parent.

`python -m evalkit.local_server` reads one JSON line from stdin (gguf, models, slots, threads, context, key, parent),
loads the model, writes {"url": ...} to stdout, and serves until SIGTERM, the end of stdin, or the parent's death.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve; return the exit code."""
    options = json.loads(sys.stdin.readline())
    _die_with(options["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp may print; stdout belongs to the one line the parent reads
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")
    except ImportError as error:
        answers.write(json.dumps({"missing": str(error)}) + "\n")
        answers.flush()
        return 1
    server = xllamacpp.Server(_parameters(xllamacpp, options))
    answers.write(json.dumps({"url": server.listening_address}) + "\n")
    answers.flush()
    threading.Thread(target=_await_end_of_stdin, args=(stopped,), daemon=True).start()
    stopped.wait()
    del server
    return 0


def _parameters(xllamacpp: Any, options: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = options["gguf"]
    parameters.model_alias = set(options["models"])
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [options["key"]]
    parameters.n_parallel = options["slots"]
    parameters.n_ctx = options["context"] * options["slots"]  # llama.cpp shares n_ctx between the slots
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = options["threads"]
    parameters.n_gpu_layers = 0
    parameters.cache_prompt = False  # a warm cache changes the answers of the next prompt, even at temperature 0
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False
    parameters.verbosity = 1
    return parameters


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the end of stdin says so."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _await_end_of_stdin(stopped: threading.Event) -> None:
    while sys.stdin.readline():
        pass
    stopped.set()


if __name__ == "__main__":
    sys.exit(main())
