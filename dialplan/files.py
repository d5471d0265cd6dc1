# SPDX-License-Identifier: Apache-2.0
"""Dialplan documents in and out of the database.

A document holds the routes of one scope: of one account, or of every account. An import is one transaction: all of
it or nothing. Routes are matched by id within the scope, so that no file can change or take over another account's
route. Rows that the import would not change are not written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Account
from dialplan import prompts
from dialplan.engine import (
    DialplanDocument,
    DialplanError,
    DialplanProblem,
    RouteDocument,
    parse_document_json,
)
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.models import Route

WATCHED = "DIALPLAN_PATH"
"""``metadata.source`` of routes that came from the watched file."""
COLUMNS = ("name", "pattern", "priority", "enabled", "actions", "metadata")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """How many routes an import touched."""

    created: int
    updated: int
    unchanged: int
    deleted: int

    def __str__(self) -> str:
        return ", ".join(f"{count} {word}" for word, count in asdict(self).items())


def read_document(path: Path) -> DialplanDocument:
    """Read a document from a file.

    Raises:
        OSError: the file cannot be read.
        DialplanError: it holds no valid document.
    """
    with path.open("rb") as handle:
        return parse_bytes(handle.read(MAX_DOCUMENT_BYTES + 1))


def parse_bytes(data: bytes) -> DialplanDocument:
    """Read a document from the content of a file, which may begin with a byte order mark.

    Raises:
        DialplanError: it holds no valid document.
    """
    return parse_document_json(data.removeprefix(BYTE_ORDER_MARK))


def import_document(
    document: DialplanDocument, account: Account | None, *, replace: bool = False, dry_run: bool = False
) -> ImportResult:
    """Write the routes of a document into one scope.

    Args:
        document: its routes are created, or updated by id.
        account: the scope; None for the routes of every account.
        replace: also delete the routes of the scope that the document does not hold.
        dry_run: only tell what it would do; nothing is written.

    Raises:
        DialplanError: a prompt does not exist; nothing was written.
    """
    with transaction.atomic():
        obsolete = Route.objects.filter(account=account) if replace else Route.objects.none()
        result = _write(document, account, obsolete, origin=None)
        transaction.set_rollback(dry_run)
    return result


def import_watched(document: DialplanDocument, path: Path) -> ImportResult:
    """Write the routes of the watched file, which serve every account.

    What the file says wins over an edit of a route that came from it. Routes that came from it earlier and are no
    longer in it are deleted; routes that were made by hand stay.

    Raises:
        DialplanError: a prompt does not exist; nothing was written.
    """
    with transaction.atomic():
        obsolete = Route.objects.filter(account=None, metadata__source=WATCHED)
        return _write(document, None, obsolete, origin={"source": WATCHED, "path": str(path)})


def export_document(account: Account | None) -> DialplanDocument:
    """Return the routes of one scope as a document, in the order in which they are tried.

    Raises:
        DialplanError: rows were written past the checks and are no valid routes.
    """
    routes: list[RouteDocument] = []
    problems: list[DialplanProblem] = []
    for row in Route.objects.filter(account=account).order_by("priority", "id"):
        try:
            routes.append(row.document())
        except DialplanError as error:
            problems += error.errors
    if problems:
        raise DialplanError(problems)
    return DialplanDocument(routes=routes)


def _write(
    document: DialplanDocument,
    account: Account | None,
    obsolete: QuerySet[Route],
    origin: dict[str, str] | None,
) -> ImportResult:
    ids = [route.id for route in document.routes]
    rows = _rows_by_id(ids, account)
    if missing := prompts.problems(document.routes, account and account.pk, prefix="routes[{}]."):
        raise DialplanError(missing)
    reason = f"Imported from {origin['path']}"[:100] if origin else "Imported"
    kept = set(ids)
    gone = [uid for uid, route_id in obsolete.values_list("uid", "id") if route_id not in kept]
    created: list[Route] = []
    updated: list[Route] = []
    for route in document.routes:
        row = rows.get(route.id) or Route(id=route.id, account=account)
        if _apply(row, route, origin):
            (created if row._state.adding else updated).append(row)
    if created:
        bulk_create_with_history(created, Route, batch_size=500, default_change_reason=reason)
    if updated:
        columns = [*COLUMNS, "updated_at"]
        bulk_update_with_history(updated, Route, columns, batch_size=100, default_change_reason=reason)
    for start in range(0, len(gone), 500):
        Route.objects.filter(uid__in=gone[start : start + 500]).delete()
    return ImportResult(
        created=len(created),
        updated=len(updated),
        unchanged=len(ids) - len(created) - len(updated),
        deleted=len(gone),
    )


def _rows_by_id(ids: list[str], account: Account | None) -> dict[str, Route]:
    rows: dict[str, Route] = {}
    for start in range(0, len(ids), 500):
        found = Route.objects.filter(account=account, id__in=ids[start : start + 500])
        rows |= {row.id: row for row in found}
    return rows


def _apply(row: Route, route: RouteDocument, origin: dict[str, str] | None) -> bool:
    """Write a document's route into its row; return whether that changed it."""
    wanted: dict[str, Any] = route.model_dump(mode="json", exclude={"id"})
    kept = row.metadata if isinstance(row.metadata, dict) else {}
    wanted["metadata"] = {**kept, **(origin or {})}
    changed = row._state.adding or any(getattr(row, name) != value for name, value in wanted.items())
    for name, value in wanted.items():
        setattr(row, name, value)
    row.updated_at = timezone.now()
    return changed
