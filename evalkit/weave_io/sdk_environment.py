"""The SDK's switches in this process; set before anything imports weave."""

import logging
import os

__all__ = ["prepare_environment"]

_FORCED = {"WEAVE_USE_SERVER_CACHE": "false", "WANDB_ERROR_REPORTING": "false"}
_PREFERRED = {"WEAVE_PRINT_CALL_LINK": "false", "WEAVE_LOG_LEVEL": "WARNING"}


def prepare_environment() -> None:
    """Set the SDK's switches; call it before anything imports weave.

    `WEAVE_USE_SERVER_CACHE=false`: the SDK's disk cache does not know one server from another and would skip uploads
    that only another one has. `WANDB_ERROR_REPORTING=false`: importing weave must not open a connection to anyone.
    Call links and the log level are quietened unless the user chose otherwise; but the SDK writes the level of one
    logger into the source of `Evaluation.evaluate`, and so into every evaluation's digest: that one is held.
    """
    logging.getLogger("weave.evaluation.eval").setLevel(logging.WARNING)
    os.environ.update(_FORCED)
    for name, value in _PREFERRED.items():
        os.environ.setdefault(name, value)
