"""Rate-limit headers of every dialect, to the seconds for which no call is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rate_limits import hold_s

NOW = 1_800_000_000.0
LEFT, RESET = "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({LEFT: "5", RESET: "1s"}, None, id="some-left"),
        pytest.param({LEFT: "0"}, None, id="no-reset"),
        pytest.param({LEFT: "0", RESET: "soon"}, None, id="words"),
        pytest.param({LEFT: "many", RESET: "1s"}, None, id="no-number"),
        pytest.param({LEFT: "0", RESET: "1s"}, 1.0, id="seconds"),
        pytest.param({LEFT: "0", RESET: "250ms"}, 0.25, id="milliseconds"),
        pytest.param({LEFT: "0", RESET: "6m0s"}, 360.0, id="minutes"),
        pytest.param({LEFT: "0", RESET: "1h2m3.5s"}, 3723.5, id="hours"),
        pytest.param({LEFT: "0", RESET: "12.5"}, 12.5, id="bare-seconds"),
        pytest.param({LEFT: "0", RESET: "-3"}, 0.0, id="gone-by"),
        pytest.param({LEFT: "-1", RESET: "2s"}, 2.0, id="overdrawn"),
        pytest.param({LEFT: "0", RESET: str(NOW + 30)}, 30.0, id="unix"),
        pytest.param({LEFT: "0", RESET: str(int((NOW + 30) * 1000))}, 30.0, id="unix-milliseconds"),
        pytest.param({LEFT: "0", RESET: "2027-01-15T08:00:20Z"}, 20.0, id="iso"),
        pytest.param(
            {LEFT: "0", RESET: "1s", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7s"},
            7.0,
            id="the-longest-of-both",
        ),
        pytest.param({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "90ms"}, 0.09, id="tokens"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, 3.0, id="plain"),
        pytest.param({"ratelimit-remaining": "0", "ratelimit-reset": "50"}, 50.0, id="draft-fields"),
        pytest.param({"ratelimit": "limit=100, remaining=0, reset=50"}, 50.0, id="draft-one-field"),
        pytest.param({"ratelimit": '"default";r=0;t=30'}, 30.0, id="draft-policy"),
        pytest.param({"ratelimit": '"burst";r=5;t=1, "daily";r=0;t=60'}, 60.0, id="draft-policies"),
        pytest.param({"ratelimit": '"default";r=3;t=30'}, None, id="draft-some-left"),
        pytest.param(
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:20+00:00",
            },
            20.0,
            id="anthropic",
        ),
    ],
)
def test_what_headers_say(headers: dict[str, str], seconds: float | None) -> None:
    assert hold_s(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_a_moment_says_nothing_without_a_clock() -> None:
    assert hold_s({LEFT: "0", RESET: str(NOW)}) is None


names = st.sampled_from([LEFT, RESET, "ratelimit", "ratelimit-remaining", "ratelimit-reset"])


@given(st.dictionaries(names, st.text('0123456789.-smhd =;,rt"TZ:inf', max_size=24)))
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    seconds = hold_s(headers, NOW)
    assert seconds is None or 0.0 <= seconds < float("inf")
