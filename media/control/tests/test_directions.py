# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.directions import COMMON, MIRRORED, WITHOUT_RECEIVING, Direction

SENDRECV, SENDONLY, RECVONLY, INACTIVE = Direction


@pytest.mark.parametrize(
    ("direction", "mirrored"),
    [(SENDRECV, SENDRECV), (SENDONLY, RECVONLY), (RECVONLY, SENDONLY), (INACTIVE, INACTIVE)],
)
def test_it_mirrors_as_rfc_3264_section_6_1_says(direction, mirrored):
    assert MIRRORED[direction] is mirrored


def test_it_has_an_entry_for_every_pair():
    assert len(COMMON) == 16
    assert COMMON[SENDONLY, RECVONLY] is INACTIVE
    assert COMMON[SENDRECV, RECVONLY] is RECVONLY
    assert all(COMMON[one, other] is COMMON[other, one] for one, other in COMMON)


@pytest.mark.parametrize(
    ("direction", "held"),
    [(SENDRECV, SENDONLY), (SENDONLY, SENDONLY), (RECVONLY, INACTIVE), (INACTIVE, INACTIVE)],
)
def test_a_party_without_an_address_does_not_receive(direction, held):
    assert WITHOUT_RECEIVING[direction] is held
