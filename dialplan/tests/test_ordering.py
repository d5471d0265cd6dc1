# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.ordering import NoRoom, Place, move


def own(route_id, priority):
    return Place(id=route_id, priority=priority)


def shared(route_id, priority):
    return Place(id=route_id, priority=priority, shared=True, fixed=True)


def order(places, changes=()):
    changed = dict(changes)
    moved = [replace(place, priority=changed.get(place.id, place.priority)) for place in places]
    return [place.id for place in sorted(moved, key=lambda place: place.key)]


@pytest.mark.parametrize(
    ("places", "changes"),
    [
        ([own("a", 10), own("b", 20)], {"a": 20, "b": 10}),
        ([own("a", 10), own("b", 10)], {"b": 10, "a": 20}),
        ([own("b", 100), shared("s", 100), own("a", 100)], None),
        ([shared("s", 50), own("b", 60)], {"b": 50}),
        ([own("x", 1), own("a", 10), own("b", 20), own("z", 99)], {"a": 20, "b": 10}),
    ],
)
def test_a_route_goes_up_by_changing_as_little_as_can_be(places, changes):
    found = move(places, "b", up=True)
    if changes is not None:
        assert found == {name: number for name, number in changes.items() if own(name, number) not in places}
    before = order(places)
    place = before.index("b")
    wanted = [*before[: place - 1], "b", before[place - 1], *before[place + 1 :]]
    assert order(places, found) == wanted


def test_a_route_goes_down_below_a_shared_one():
    assert move([own("a", 10), shared("s", 10)], "a", up=False) == {"a": 11}


def test_a_shared_route_of_the_same_id_stays():
    assert move([own("a", 10), shared("a", 10), shared("s", 12)], "a", up=False) == {"a": 11}


@pytest.mark.parametrize(("route_id", "up"), [("a", True), ("b", False)])
def test_at_the_end_nothing_changes(route_id, up):
    assert move([own("a", 1), own("b", 2)], route_id, up=up) == {}


def test_shared_routes_without_a_gap_between_them_leave_no_room():
    places = [shared("s", 10), own("a", 11), own("b", 11), shared("t", 11)]
    with pytest.raises(NoRoom):
        move(places, "b", up=True)


PLACES = st.lists(
    st.builds(
        lambda priority, is_shared: (priority, is_shared),
        st.integers(-3, 6) | st.sampled_from([-1_000_000, 1_000_000, 100]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(PLACES, st.data(), st.booleans())
def test_whatever_the_routes_the_order_is_the_wanted_one_and_shared_ones_stay(drawn, data, up):
    places = [
        shared(f"r{n}", priority) if is_shared else own(f"r{n}", priority)
        for n, (priority, is_shared) in enumerate(drawn)
    ]
    movable = [place.id for place in places if not place.fixed]
    if not movable:
        return
    route_id = data.draw(st.sampled_from(movable))
    try:
        changes = move(places, route_id, up=up)
    except NoRoom:
        return
    assert not {place.id for place in places if place.fixed} & set(changes)
    before = order(places)
    at, wanted = before.index(route_id), list(before)
    other = at - 1 if up else at + 1
    if 0 <= other < len(wanted):
        wanted[at], wanted[other] = wanted[other], wanted[at]
    assert order(places, changes) == wanted
