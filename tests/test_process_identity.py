"""Which process is gone, and which only shares its id."""

import dataclasses
import os
import subprocess
import sys

from evalkit.process_identity import ProcessIdentity, is_gone, machine


def test_this_process_runs() -> None:
    assert not is_gone(ProcessIdentity.present())


def test_an_ended_process_is_gone_reaped_or_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "import os; os.read(0, 1)"], stdin=subprocess.PIPE) as child:
        identity = dataclasses.replace(ProcessIdentity.present(), pid=child.pid, started="")
        assert not is_gone(identity)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(identity) or sys.platform != "linux"
    assert is_gone(identity)


def test_an_id_that_another_process_took_over_is_gone() -> None:
    present = ProcessIdentity.present()
    assert is_gone(dataclasses.replace(present, started="1")) is bool(present.started)


def test_an_id_of_another_namespace_says_nothing() -> None:
    assert not is_gone(ProcessIdentity(2**22 + 1, "1", "pid:[another]"))


def test_the_machine_has_a_name() -> None:
    assert machine() == machine() != ""
