# SPDX-License-Identifier: Apache-2.0
"""What is done now and then without anybody asking: when it is due, who does it, how it went.

The tasks stand in ``<app>/tasks.py``, their times in the settings (``CELERY_BEAT_SCHEDULE``). With ``REDIS_ADDR`` Celery's
beat and worker do them; without, one process does them by itself (`switchboard.jobs.beat`).
"""
