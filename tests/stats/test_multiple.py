"""Adjusted p-values: ties, order, refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.multiple import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), max_size=20)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [[], [0.0], [1.0], [0.03]], ids=str)
def test_a_family_of_one_is_left_alone(adjust: object, p: list[float]) -> None:
    assert adjust(p) == p


def test_ties_get_one_answer() -> None:
    assert holm([0.01, 0.01, 0.04]) == [0.03, 0.03, 0.04]
    assert benjamini_hochberg([0.02, 0.02, 0.02]) == pytest.approx([0.02] * 3)


def test_holm_never_falls_along_the_order() -> None:
    assert holm([0.02, 0.011, 0.5]) == pytest.approx([0.04, 0.033, 0.5])
    assert holm([0.3, 0.29]) == pytest.approx([0.58, 0.58])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [float("nan"), -0.1, 1.1], ids=str)
def test_what_is_no_p_value_is_refused(adjust: object, p: float) -> None:
    with pytest.raises(ValueError, match="p-values"):
        adjust([0.5, p])


@settings(deadline=None, max_examples=60)
@given(P_VALUES)
def test_adjusting_keeps_the_order_and_never_helps(p: list[float]) -> None:
    strict, loose = holm(p), benjamini_hochberg(p)
    for raw, bh, family in zip(p, loose, strict, strict=True):
        assert raw <= bh * (1 + 1e-12)
        assert bh <= family * (1 + 1e-12)
        assert family <= 1.0
    for adjusted in (strict, loose):
        ordered = [a for _, a in sorted(zip(p, adjusted, strict=True))]
        assert ordered == sorted(ordered)
