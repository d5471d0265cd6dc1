# SPDX-License-Identifier: Apache-2.0
"""Estimates how a call sounded, from packet loss and jitter alone (simplified E-model, ITU-T G.107).

Pure arithmetic. It must not know records or where the figures come from. Invariant: the result is a mean opinion
score between 1.0 and 4.5, and more loss or more jitter never raises it.
"""

from __future__ import annotations

from typing import Final

_R_DEFAULT: Final = 93.2
"""Rating of a connection with the default values of G.107 and no loss (R0 - Is with A = 0)."""

_PACKET_MS: Final = 20.0
"""Delay that is certain: one packet of 20 ms has to be filled before it is sent."""

_KNEE_MS: Final = 177.3
"""One-way delay from which a conversation suffers (Cole and Rosenbluth's fit of G.107's Idd)."""

_IMPAIRMENT: Final[dict[str, tuple[float, float]]] = {
    "PCMU": (0.0, 25.1),
    "PCMA": (0.0, 25.1),
    "G722": (0.0, 25.1),
    "OPUS": (0.0, 25.1),
    "G729": (10.0, 19.0),
    "GSM": (20.0, 10.0),
    "GSM-EFR": (5.0, 10.0),
    "AMR": (5.0, 10.0),
    "ILBC": (11.0, 32.0),
    "G723": (15.0, 16.1),
    "G726-32": (7.0, 25.1),
    "SPEEX": (11.0, 25.1),
}
"""Codec -> (Ie, Bpl): equipment impairment and robustness to random loss of ITU-T G.113 appendix I.

G.711 counts with packet-loss concealment, which every phone of today has. Wideband codecs count as G.711: the
narrow-band scale has no room above it.
"""

_UNKNOWN_CODEC: Final = (5.0, 15.0)


def estimate_mos(loss_fraction: float, jitter_ms: float | None, codec: str) -> float:
    """Return the estimated mean opinion score, 1.0 (bad) to 4.4 (the best of a telephone), in steps of 0.01.

    R = 93.2 - Id - Ie,eff, where Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl + Bpl) for random loss and Id follows from the
    delay: one packet plus a jitter buffer of twice the jitter; the network's own delay is unknown here and counts as
    zero. The score is G.107 annex B's curve of R.

    Args:
        loss_fraction: packets lost / packets expected, 0.0 to 1.0; values outside are clamped.
        jitter_ms: interarrival jitter of RFC 3550 section 6.4.1, in milliseconds; None counts as 0.
        codec: RTP encoding name of RFC 3551 in any case; an unknown one gets middling values.
    """
    impairment, robustness = _IMPAIRMENT.get(codec.upper(), _UNKNOWN_CODEC)
    loss_percent = 100.0 * min(max(loss_fraction, 0.0), 1.0)
    delay_ms = _PACKET_MS + 2.0 * max(jitter_ms or 0.0, 0.0)
    delay_impairment = 0.024 * delay_ms + 0.11 * max(delay_ms - _KNEE_MS, 0.0)
    effective = impairment + (95.0 - impairment) * loss_percent / (loss_percent + robustness)
    return round(_score(_R_DEFAULT - delay_impairment - effective), 2)


def _score(rating: float) -> float:
    """Return the mean opinion score of an R value (G.107 annex B, equation B-4)."""
    # Below 6.5 the cubic dips under 1, where the scale ends.
    if rating <= 6.5:
        return 1.0
    return 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6
