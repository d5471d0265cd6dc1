# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdrs.quality import estimate_mos

codecs = st.sampled_from(["PCMU", "pcma", "G729", "opus", "unheard-of"])


def test_it_gives_the_best_telephone_score_to_a_clean_g711_call() -> None:
    assert estimate_mos(0.0, 0.0, "PCMU") == 4.4


@pytest.mark.parametrize(
    ("loss", "jitter_ms", "codec", "expected"),
    [
        (0.01, 5.0, "PCMU", 4.31),
        (0.05, 10.0, "PCMU", 3.88),
        (0.0, 0.0, "G729", 4.12),
        (0.2, 50.0, "PCMU", 2.48),
    ],
)
def test_it_follows_the_e_model(loss: float, jitter_ms: float, codec: str, expected: float) -> None:
    assert estimate_mos(loss, jitter_ms, codec) == pytest.approx(expected, abs=0.011)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2000), st.floats(0, 2000), codecs)
def test_it_never_rates_a_worse_line_higher(
    loss_a: float, loss_b: float, jitter_a: float, jitter_b: float, codec: str
) -> None:
    better = estimate_mos(min(loss_a, loss_b), min(jitter_a, jitter_b), codec)
    worse = estimate_mos(max(loss_a, loss_b), max(jitter_a, jitter_b), codec)
    assert 1.0 <= worse <= better <= 4.5


@given(st.floats(allow_nan=False), st.none() | st.floats(max_value=0, allow_nan=False), codecs)
def test_it_stays_on_the_scale_for_impossible_figures(
    loss: float, jitter_ms: float | None, codec: str
) -> None:
    assert 1.0 <= estimate_mos(loss, jitter_ms, codec) <= 4.5
