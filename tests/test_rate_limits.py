"""Rate-limit headers of the shapes that servers send: how long to send nothing more."""

import pytest

from evalkit.rate_limits import hold_s

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "5"}, None, id="no quota named"),
        pytest.param(
            {"x-ratelimit-remaining-requests": "12", "x-ratelimit-reset-requests": "1s"}, None, id="something is left"
        ),
        pytest.param({"x-ratelimit-remaining-requests": "0"}, None, id="no reset"),
        pytest.param(
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, 1.0, id="requests used up"
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0, id="tokens used up"
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "250ms"}, 0.25, id="milliseconds"
        ),
        pytest.param(
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "9s",
            },
            9.0,
            id="the longer of two",
        ),
        pytest.param({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30.0, id="the draft's fields"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 7)}, 7.0, id="Unix time"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None, id="a reset nobody can read"),
        pytest.param({"x-ratelimit-remaining": "some", "x-ratelimit-reset": "3"}, None, id="a count nobody can read"),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert hold_s(headers, NOW) == (None if expected is None else pytest.approx(expected))
