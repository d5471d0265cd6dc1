# SPDX-License-Identifier: Apache-2.0
"""What a worker says when it runs as root."""

import os
import warnings

from celery.platforms import check_privileges

from switchboard.celery import quiet_about_root


def test_a_worker_of_root_says_nothing_about_it(monkeypatch):
    for name in ("getuid", "geteuid"):
        monkeypatch.setattr(os, name, lambda: 0)
    with warnings.catch_warnings(record=True) as said:
        warnings.resetwarnings()
        check_privileges(["json"])
        loud = len(said)
        quiet_about_root()
        check_privileges(["json"])
    assert (loud, len(said)) == (1, 1)
