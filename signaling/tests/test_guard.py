# SPDX-License-Identifier: Apache-2.0
"""The guard: floods are cut off, guessing is bounded, and the owner is never locked out."""

from signaling.guard import DAY_S, GuardConfig, Identity, MemoryGuard
from signaling.sip.flow import Flow
from signaling.strangers import SHUT_IN_S, TRICKLE_PER_ADDRESS, TRICKLE_PER_PATH, StrangerConfig

REGISTER = b"REGISTER sip:alpha.example SIP/2.0"
ALICE = Identity("alice", True)
GHOST = Identity("?ghost", False)


def flow(ip="198.51.100.7", port=5060):
    return Flow("udp", (ip, port), ("192.0.2.1", 5060))


def guess(guard, where, who, now):
    """Make one wrong guess; tell whether it was checked."""
    if not guard.may_try(where, who, now):
        return False
    guard.failed(where, who, now)
    return True


def test_it_drops_what_exceeds_the_request_rate_of_a_source():
    guard = MemoryGuard(GuardConfig(requests_per_second_per_source=10))
    assert sum(guard.admit(REGISTER, flow(), 50.0) for _ in range(100)) == 10
    assert guard.admit(REGISTER, flow("198.51.100.8"), 50.0)
    assert guard.admit(REGISTER, flow(), 51.0)


def test_it_counts_an_ipv6_network_as_one_source():
    guard = MemoryGuard(GuardConfig(requests_per_second_per_source=2))
    admitted = [guard.admit(REGISTER, flow(f"2001:db8:1:2::{n}"), 5.0) for n in range(3)]
    assert admitted == [True, True, False]
    assert guard.admit(REGISTER, flow("2001:db8:1:3::1"), 5.0)


def test_it_refuses_a_source_after_its_failures_of_a_minute():
    guard = MemoryGuard(GuardConfig(auth_failures_per_minute=5))
    assert [guess(guard, flow(), Identity(f"user {n}", True), 100.0) for n in range(6)] == [True] * 5 + [
        False
    ]
    assert guard.may_try(flow(), ALICE, 112.1)


def test_it_bounds_guesses_at_one_user_from_any_number_of_addresses():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=100))
    checked = 0
    for second in range(0, int(DAY_S), 20):
        checked += guess(guard, flow(f"10.{second % 250}.{second // 250 % 250}.9"), ALICE, 1000.0 + second)
    assert 60 <= checked <= 70


def test_it_bounds_guesses_at_one_user_also_when_its_neighbours_join_in():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=100))
    guard.succeeded(flow("203.0.113.5", 40000), ALICE, 999.0)
    checked = 0
    for second in range(0, int(DAY_S), 20):
        checked += guess(
            guard, flow(f"10.{second % 250}.{second // 250 % 250}.9"), ALICE, 1000.0 + second / 12
        )
        checked += guess(guard, flow("203.0.113.5", 50000), ALICE, 1000.0 + second / 12)
    assert 80 <= checked <= 100


def test_it_bounds_guesses_also_while_made_up_names_flood_the_table(monkeypatch):
    monkeypatch.setattr("signaling.guard.MAX_UNKNOWN_IDENTITIES", 50)
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=10))
    checked = 0
    for n in range(2000):
        guess(guard, flow(f"10.1.{n % 250}.{n // 250}", 7000), Identity(f"?{n}", False), 100.0)
        checked += guess(guard, flow(f"10.2.{n % 250}.{n // 250}"), ALICE, 100.0)
    assert checked <= 10


def test_it_treats_unknown_users_like_known_ones():
    def answers(who):
        guard = MemoryGuard(GuardConfig(password_guesses_per_day=7))
        return [guess(guard, flow(f"10.0.0.{n}"), who, 100.0 + n) for n in range(20)]

    assert answers(ALICE) == answers(GHOST)


def test_it_does_not_lock_the_owner_out_at_home():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=10))
    home = flow("203.0.113.5", 40000)
    guard.succeeded(home, ALICE, 100.0)
    for n in range(200):
        guess(guard, flow(f"10.0.{n}.1"), ALICE, 101.0)
    assert not guard.may_try(flow("10.9.9.9"), ALICE, 102.0)
    assert guard.may_try(home, ALICE, 102.0)
    assert guard.may_try(flow("203.0.113.5", 40001), ALICE, 102.0)


def test_it_does_not_lock_the_owner_out_because_a_neighbour_guesses_behind_the_same_address():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=10, auth_failures_per_minute=5))
    home, neighbour = flow("203.0.113.5", 40000), flow("203.0.113.5", 50000)
    guard.succeeded(home, ALICE, 100.0)
    checked = sum(guess(guard, neighbour, ALICE, 101.0) for _ in range(100))
    assert checked <= 10
    assert guard.may_try(home, ALICE, 102.0)


def test_it_limits_failures_on_the_owners_own_path_too():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=1000, auth_failures_per_minute=5))
    home = flow("203.0.113.5", 40000)
    guard.succeeded(home, ALICE, 100.0)
    assert sum(guess(guard, home, ALICE, 101.0) for _ in range(100)) == 5


def test_it_forgets_a_home_after_the_trust_time():
    guard = MemoryGuard(GuardConfig(password_guesses_per_day=2, trust_s=60.0))
    guard.succeeded(flow("203.0.113.5"), ALICE, 100.0)
    guess(guard, flow("10.0.0.1"), ALICE, 101.0)
    assert guard.may_try(flow("203.0.113.5"), ALICE, 159.0)
    assert not guard.may_try(flow("203.0.113.5"), ALICE, 161.0)


def read(guard, where, now, times=100, data=REGISTER):
    """Count how many messages sent at once are read."""
    return sum(guard.admit(data, where, now) for _ in range(times))


def offend(guard, where, now, times):
    """Leave challenges unanswered."""
    for _ in range(times):
        guard.challenged(where, now)


def test_it_reads_only_a_trickle_from_a_path_that_never_answers_a_challenge():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=50)))
    offend(guard, flow(), 100.0, 50)
    assert read(guard, flow(), 100.0) == 100
    offend(guard, flow(), 100.0, 1)
    assert read(guard, flow(), 100.0) == TRICKLE_PER_PATH
    assert read(guard, flow(port=6000), 100.0) == 100
    assert read(guard, flow(), 100.0 + SHUT_IN_S) == 100


def test_it_reads_only_a_trickle_from_a_path_that_goes_on_after_its_credentials_are_not_checked_any_more():
    guard = MemoryGuard(GuardConfig(auth_failures_per_minute=3, strangers=StrangerConfig(per_path=20)))
    for _ in range(3 + 20):
        guess(guard, flow(), GHOST, 100.0)
    assert read(guard, flow(), 100.0) == 100
    guess(guard, flow(), GHOST, 100.0)
    assert read(guard, flow(), 100.0) == TRICKLE_PER_PATH


def test_it_shuts_in_a_whole_address_that_changes_its_ports():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=50, per_address=500)))
    for port in range(1024, 1024 + 501):
        guard.challenged(flow(port=port), 100.0)
    read_of_new = sum(guard.admit(REGISTER, flow(port=port), 100.0) for port in range(2000, 2100))
    assert read_of_new == TRICKLE_PER_ADDRESS
    assert read(guard, flow("198.51.100.8"), 100.0) == 100


def test_a_flood_is_let_in_no_faster_than_its_allowance_comes_back():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=200)))
    read_by_second = [0] * 20
    for n in range(20 * 200):
        now = 100.0 + n / 200
        if guard.admit(REGISTER, flow(), now):
            guard.challenged(flow(), now)
            read_by_second[int(now - 100)] += 1
    assert all(count <= 20 + TRICKLE_PER_PATH + 2 for count in read_by_second[3:])


def test_it_never_shuts_in_phones_that_answer_their_challenges():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=50, per_address=50)))
    for n in range(5000):
        guard.challenged(flow(), 100.0)
        guard.succeeded(flow(), Identity(f"user {n}", True), 100.0)
    assert read(guard, flow(), 100.0) == read(guard, flow(port=6000), 100.0) == 100


def test_a_challenge_that_was_answered_wrongly_counts_as_a_failure_alone():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=5), auth_failures_per_minute=1000))
    for n in range(100):
        guard.challenged(flow(), 100.0)
        guard.failed(flow(), Identity(f"user {n}", True), 100.0)
    assert read(guard, flow(), 100.0) == 100


def test_phones_and_trunks_at_an_address_that_is_shut_in_are_served():
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=20, per_address=20)))
    phone, attacker = flow("203.0.113.5", 40000), flow("203.0.113.5", 6000)
    guard.succeeded(phone, ALICE, 99.0)
    offend(guard, attacker, 100.0, 21)
    assert read(guard, attacker, 100.0) <= TRICKLE_PER_PATH
    assert read(guard, phone, 100.0) == 100
    assert read(guard, attacker, 100.0, data=b"SIP/2.0 200 OK") == 100
    guard.strangers.awaited = lambda data: False
    assert read(guard, attacker, 100.2, data=b"SIP/2.0 200 OK") <= TRICKLE_PER_PATH


def test_it_keeps_memory_bounded(monkeypatch):
    monkeypatch.setattr("signaling.guard.MAX_SOURCES", 100)
    monkeypatch.setattr("signaling.strangers.MAX_SOURCES", 100)
    monkeypatch.setattr("signaling.strangers.MAX_TRUSTED", 100)
    monkeypatch.setattr("signaling.guard.MAX_HOMES", 100)
    guard = MemoryGuard(GuardConfig(strangers=StrangerConfig(per_path=1, per_address=1)))
    for n in range(1000):
        where = flow(f"10.0.{n // 250}.{n % 250}")
        guard.admit(REGISTER, where, 1.0)
        guard.succeeded(where, ALICE, 1.0)
        offend(guard, where, 1.0, 3)
    assert len(guard._requests) <= 200
    assert len(guard._homes) <= 100


def test_a_user_that_is_refused_unchecked_is_let_in_where_another_node_knows_it():
    guard = MemoryGuard(GuardConfig(auth_failures_per_minute=1))
    asked = []
    guard.on_refused = lambda ip, identity: asked.append((ip, identity))
    flow = Flow("udp", ("203.0.113.9", 5060), ("192.0.2.1", 5060))
    alice, nobody = Identity("alice-id", True), Identity("made-up", False)
    guard.failed(flow, alice, 0.0)
    assert not guard.may_try(flow, alice, 1.0) and not guard.may_try(flow, nobody, 1.0)
    assert asked == [("203.0.113.9", alice)]
    guard.at_home("203.0.113.9", alice, 1.0)
    assert guard.may_try(flow, alice, 1.0) and not guard.may_try(flow, nobody, 1.0)


def test_an_address_is_trusted_from_its_first_success_for_as_long_as_that_counts():
    guard = MemoryGuard(GuardConfig(trust_s=100.0))
    guard.challenged(flow(), 10.0)
    assert not guard.trusts("198.51.100.7", 10.0)
    guard.succeeded(flow(), ALICE, 10.0)
    assert guard.trusts("198.51.100.7", 109.0)
    assert not guard.trusts("198.51.100.8", 109.0)
    assert not guard.trusts("198.51.100.7", 110.0)
