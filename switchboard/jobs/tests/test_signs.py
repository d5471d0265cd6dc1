# SPDX-License-Identifier: Apache-2.0
"""When a worker counts as silent."""

from switchboard.jobs.signs import BEGUN, ENDED, LONGEST_SILENCE_S, Signs


def test_a_worker_that_does_jobs_is_not_silent():
    signs = Signs(60, now=0)
    signs.heard(BEGUN + ENDED, now=50)
    assert not signs.is_silent(now=109)
    assert signs.is_silent(now=110)


def test_a_long_job_is_not_silence():
    signs = Signs(60, now=0)
    signs.heard(BEGUN + BEGUN + ENDED, now=1)
    assert not signs.is_silent(now=7200)
    signs.heard(ENDED, now=7200)
    assert signs.is_silent(now=7260)


def test_a_worker_is_not_blamed_for_its_broker():
    signs = Signs(60, now=0)
    signs.nothing_could_come(now=59)
    assert not signs.is_silent(now=118)
    assert signs.is_silent(now=119)


def test_reading_nothing_is_not_a_sign():
    signs = Signs(60, now=0)
    signs.heard(b"", now=59)
    assert signs.is_silent(now=60)


def test_the_job_that_a_killed_worker_was_at_is_forgotten():
    signs = Signs(60, now=0)
    signs.heard(BEGUN, now=1)
    signs.restarted(now=2)
    assert signs.is_silent(now=62)


def test_each_silent_worker_gives_the_next_one_twice_the_time_until_one_is_heard():
    signs, now, waited = Signs(60, now=0), 0, []
    for _ in range(6):
        begun = now
        while not signs.is_silent(now):
            now += 1
        waited.append(now - begun)
        signs.restarted(now)
    assert waited == [60, 120, 240, 480, LONGEST_SILENCE_S, LONGEST_SILENCE_S]
    signs.heard(BEGUN + ENDED, now)
    assert signs.is_silent(now + 60)
