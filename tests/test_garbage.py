"""The collector is as it was when the block ends, however it ends."""

import gc

import pytest

from evalkit.garbage import rare_collections


def test_the_collector_is_restored() -> None:
    before = gc.get_threshold()

    def work() -> None:
        with rare_collections():
            assert gc.get_threshold() > before
            assert gc.isenabled()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
