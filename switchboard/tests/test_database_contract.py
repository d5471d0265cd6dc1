# SPDX-License-Identifier: Apache-2.0
"""Tables and columns that other programs read: adding is free, renaming is not."""

import pytest
from django.db import connection

COLUMNS = {
    "accounts": "id name domain enabled max_concurrent_calls created_at updated_at",
    "users": "id account_id username password_hash display_name extension enabled",
    "registrations": "id user_id aor contact user_agent source_ip source_port expires_at registered_at",
    "dialplan_routes": "id account_id name pattern priority enabled actions metadata",
    "cdrs": """id call_id account_id caller_user_id caller_number caller_name callee_user_id callee_number callee_name
        caller_ip invite_time ring_time answer_time end_time duration_seconds ring_duration_seconds disposition
        hangup_cause hangup_by rtp_packets_sent rtp_packets_recv rtp_packets_lost rtp_jitter_ms mos_score route_id
        signaling_server rtp_manager metadata""",
}
UNIQUE = {
    "accounts": [{"domain"}],
    "users": [{"account_id", "username"}, {"account_id", "extension"}],
    "registrations": [{"aor", "contact"}],
    "dialplan_routes": [{"account_id", "id"}],
    "cdrs": [{"call_id"}],
}


@pytest.mark.django_db
@pytest.mark.parametrize("table", COLUMNS)
def test_the_migrations_make_what_others_rely_on(table):
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
        constraints = connection.introspection.get_constraints(cursor, table).values()
    assert set(COLUMNS[table].split()) <= columns
    unique = [set(each["columns"]) for each in constraints if each["unique"]]
    assert all(wanted in unique for wanted in UNIQUE[table]), unique


@pytest.mark.django_db
def test_the_first_migrations_make_the_one_account():
    with connection.cursor() as cursor:
        cursor.execute("SELECT domain FROM accounts")
        assert cursor.fetchall() == [("switchboard.local",)]
