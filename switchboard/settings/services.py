# SPDX-License-Identifier: Apache-2.0
"""Redis, NATS, call records, and the jobs that run by themselves."""

from typing import Any

from switchboard.addresses import is_url
from switchboard.env import BadVariable
from switchboard.jobs.schedule import Daily, Every
from switchboard.settings.base import CDR_CONSUMER, SIGNALING, UI, VAR_DIR, env

# --- Redis ----------------------------------------------------------------------------------------------------------

REDIS_ADDR = env.host_port(
    "REDIS_ADDR",
    roles=(SIGNALING, UI),
    help="host:port of the Redis that several nodes share: phones, rate limits, cache; unset: each node by itself",
)
REDIS_PASSWORD = env.secret(
    "REDIS_PASSWORD", roles=(SIGNALING, UI), help="What Redis demands; unset: nothing"
)
SIP_NODE_ADDR = env.host_port(
    "SIP_NODE_ADDR",
    numeric=True,
    roles=[SIGNALING],
    help="address:port where other signaling nodes reach SIP on this one; unset: where phones reach it",
)
REDIS_TLS_CA = env.path(
    "REDIS_TLS_CA",
    None,
    roles=(SIGNALING, UI),
    help="PEM file of who signed Redis's certificate: with it TLS is spoken to Redis",
)
CACHE_TIMEOUT_S = 0.5


def _caches() -> dict[str, dict[str, Any]]:
    if REDIS_ADDR is None:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    host, port = REDIS_ADDR
    shown = f"[{host}]" if ":" in host else host
    options: dict[str, Any] = {
        "SOCKET_CONNECT_TIMEOUT": CACHE_TIMEOUT_S,
        "SOCKET_TIMEOUT": CACHE_TIMEOUT_S,
        # What is read from Redis is data, never code.
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        "CONNECTION_POOL_KWARGS": {} if REDIS_TLS_CA is None else {"ssl_ca_certs": str(REDIS_TLS_CA)},
        **({"PASSWORD": REDIS_PASSWORD} if REDIS_PASSWORD else {}),
    }
    return {
        "default": {
            "BACKEND": "switchboard.cache.PatientCache",
            "LOCATION": f"{'redis' if REDIS_TLS_CA is None else 'rediss'}://{shown}:{port}/0",
            "KEY_PREFIX": "django",
            "OPTIONS": options,
        }
    }


CACHES = _caches()
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "notices": {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    if REDIS_ADDR is None
    else {
        "BACKEND": "switchboard.dashboard.redis_layer.ImpatientLayer",
        # JSON: what is read from Redis is data. Nothing is kept for a replica that is gone.
        "CONFIG": {"prefix": "notices:", "expiry": 10, "group_expiry": 60, "serializer_format": "json"},
    }
}
"""What the replicas of the ui tell each other. None is called `default`, or each WebSocket would hang on Redis."""

CDR_METRICS_PORT = env.integer(
    "CDR_METRICS_PORT",
    0,
    maximum=65535,
    roles=[CDR_CONSUMER],
    help="HTTP port of /metrics and /health of `manage.py runcdr`, without a token; 0: none",
)

# --- Call records ---------------------------------------------------------------------------------------------------

NATS_URL = env.secret(
    "NATS_URL",
    address=True,
    roles=(SIGNALING, CDR_CONSUMER),
    help="nats://host:4222, several separated by commas: events are published there, and call records go through "
    "JetStream to `manage.py runcdr`, which stores them; unset: the signaling node stores them itself",
)
if not all(is_url(_url.strip(), "nats", "tls", "ws", "wss") for _url in NATS_URL.split(",") if NATS_URL):
    # It may hold a password, so it is not shown.
    raise BadVariable("NATS_URL", "…", "nats://host:port, several separated by commas")
NATS_EVENTS_WAITING = env.integer(
    "NATS_EVENTS_WAITING",
    10000,
    minimum=1,
    roles=[SIGNALING],
    help="Most events that wait while NATS is away; then the oldest give way, and are counted",
)
CDR_RETENTION_DAYS = env.integer(
    "CDR_RETENTION_DAYS",
    0,
    maximum=36500,
    roles=[UI],
    help="Calls that started more days ago are deleted every night; 0 keeps them for ever",
)
RECORDING_RETENTION_DAYS = env.integer(
    "RECORDING_RETENTION_DAYS",
    0,
    maximum=36500,
    roles=[UI],
    help="Recordings that began more days ago are deleted every night, with their files; 0 keeps them for ever",
)

# --- Jobs -----------------------------------------------------------------------------------------------------------

LOGIN_RETENTION_DAYS = env.integer(
    "LOGIN_RETENTION_DAYS",
    90,
    maximum=36500,
    roles=[UI],
    help="Expired and revoked API tokens, and lines of the login log, are deleted after so many days; 0 keeps them",
)
BAN_RETENTION_DAYS = env.integer(
    "BAN_RETENTION_DAYS",
    30,
    maximum=36500,
    roles=[UI],
    help="Bans that ended more days ago are forgotten, and so are repeated offences; 0 keeps them",
)
UI_RUNS_JOBS = env.boolean(
    "UI_RUNS_JOBS",
    REDIS_ADDR is None,
    roles=[UI],
    help="Whether the ui role does the periodic jobs; by default when there is no Redis, and so no Celery worker",
)
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sign of life": {"task": "switchboard.heartbeat", "schedule": Every(60)},
    "figures of past days": {"task": "cdrs.roll_up", "schedule": Daily(hour=0, minute=10)},
    "old call records": {"task": "cdrs.prune", "schedule": Daily(hour=1, minute=10)},
    "old recordings": {"task": "cdrs.prune_recordings", "schedule": Daily(hour=1, minute=40)},
    "old logins and tokens": {"task": "accounts.prune", "schedule": Daily(hour=2, minute=10)},
    "uploaded prompts": {"task": "media.convert_prompts", "schedule": Every(2)},
    "sounds that nobody plays": {"task": "media.prune_prompts", "schedule": Daily(hour=3, minute=10)},
    "ended bans": {"task": "signaling.prune_bans", "schedule": Daily(hour=2, minute=50)},
    "ended registrations": {"task": "signaling.prune_registrations", "schedule": Daily(hour=2, minute=40)},
}
"""The periodic jobs; `switchboard.jobs` says who does them. Times of day are those of ``TIME_ZONE``."""
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celery-beat")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: Redis may be away for longer than the hundred attempts of Celery take.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
# Whatever is heavy runs in processes of its own; threads answer while a job takes long, at the memory of one process.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 2
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
