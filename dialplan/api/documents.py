# SPDX-License-Identifier: Apache-2.0
"""Whole dialplan documents over REST (``dialplan/import``, ``dialplan/export``), as files and the admin have them.

Nothing is checked here: `dialplan.engine` reads a document and `dialplan.files` stores it, whatever brought it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.choices import Permission
from accounts.models import Account
from accounts.tenancy import access_of
from dialplan.api.actions_schema import document_schema
from dialplan.engine import DialplanError
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.files import export_document, import_document, parse_bytes
from switchboard.api_errors import error_body
from switchboard.api_filters import check_parameters
from switchboard.api_parsers import read_limited
from switchboard.api_serializers import AccountField

SHARED_HELP = "The routes that serve every account, in place of those of one."


class DocumentParser(BaseParser):
    """JSON of at most 16 MiB as it came: the engine reads it, and says where it is none."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body.

        Raises:
            TooLarge: it is over the limit.
        """
        return read_limited(stream, MAX_DOCUMENT_BYTES)


class ExportParameters(serializers.Serializer[Any]):
    """Query parameters of an export: whose routes."""

    account = AccountField(
        required=False,
        permission=Permission.VIEW_CONFIG,
        help_text="May be left out by who reaches one account alone.",
    )
    shared = serializers.BooleanField(default=False, help_text=SHARED_HELP)

    def chosen(self) -> tuple[Account | None, Mapping[str, Any]]:
        """Return whose routes a request is about, None for those of every account, and its parameters.

        Raises:
            ValidationError: a parameter is wrong, or it is not clear which account is meant.
        """
        given = self.validated_data
        if given["shared"]:
            if given.get("account") is not None:
                raise ValidationError({"shared": "Name an account or the shared routes, one of both."})
            return None, given
        field: Any = self.fields["account"]
        account: Account | None = given.get("account") or field.only_choice()
        if account is None:
            raise ValidationError({"account": "Say which account, or shared=true."})
        return account, given


class ImportParameters(ExportParameters):
    """Query parameters of an import: where to, and how."""

    account = AccountField(required=False, help_text="May be left out by who reaches one account alone.")
    shared = serializers.BooleanField(default=False, help_text=f"{SHARED_HELP} Platform admins.")
    replace = serializers.BooleanField(
        default=False, help_text="Also delete the routes there that the document does not hold."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only check; nothing is stored.")


class ImportedSerializer(serializers.Serializer[Any]):
    """What an import did, or would do."""

    applied = serializers.BooleanField(help_text="Whether it is stored; false after a dry run.")
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    deleted = serializers.IntegerField()


class DocumentProblemSerializer(serializers.Serializer[Any]):
    """One thing that is wrong with a document."""

    route = serializers.CharField(help_text="Id of the route; empty: the document as a whole.")
    field = serializers.CharField(help_text="Path such as routes[0].actions[1].params.timeout.")
    message = serializers.CharField()


class RefusedDocumentSerializer(serializers.Serializer[Any]):
    """The error shape, with every problem of the document by its route."""

    error = serializers.CharField()
    code = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )
    problems = DocumentProblemSerializer(many=True, required=False)


class ExportView(APIView):
    """Routes as a document."""

    read_permission = Permission.VIEW_CONFIG
    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="dialplan_export",
        parameters=[ExportParameters],
        responses={200: document_schema(), 409: RefusedDocumentSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return the routes of an account, or of every account, as a dialplan document that can be imported."""
        account, _ = _parameters(ExportParameters, request)
        try:
            document = export_document(account)
        except DialplanError as error:
            return _refusal(409, "Nothing was exported", error)
        return Response(document.model_dump(mode="json"))


class ImportView(APIView):
    """Routes from a document."""

    write_permission = Permission.CHANGE_CONFIG
    parser_classes = (DocumentParser,)
    http_method_names = ["post"]

    @extend_schema(
        operation_id="dialplan_import",
        description="Routes are created, or updated by `id`; all of the document is stored, or nothing. A mistake "
        "answers 400 with every problem: its route, its path and what is accepted there. At most 16 MiB.",
        parameters=[ImportParameters],
        request={"application/json": document_schema()},
        responses={200: ImportedSerializer, 400: RefusedDocumentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Check a dialplan document and store its routes."""
        account, wanted = _parameters(ImportParameters, request)
        if account is None and not access_of(request.user).may(Permission.PLATFORM):
            raise PermissionDenied("Only a platform admin may change the routes of every account.")
        text = request.data if isinstance(request.data, bytes) else b""
        try:
            result = import_document(
                parse_bytes(text), account, replace=wanted["replace"], dry_run=wanted["dry_run"]
            )
        except DialplanError as error:
            return _refusal(400, "Nothing was imported", error)
        return Response({"applied": not wanted["dry_run"], **asdict(result)})


def _parameters(kind: type[ExportParameters], request: Request) -> tuple[Account | None, Mapping[str, Any]]:
    check_parameters(request, tuple(kind().fields))
    parameters = kind(data=request.query_params, context={"request": request})
    parameters.is_valid(raise_exception=True)
    return parameters.chosen()


def _refusal(status: int, consequence: str, error: DialplanError) -> Response:
    """Return what is wrong with a document: in a sentence, at each field, and by route."""
    fields: dict[str, list[str]] = {}
    for problem in error.errors if status == 400 else ():
        if problem.field:
            fields.setdefault(problem.field, []).append(problem.message)
    count = len(error.errors)
    first = str(error.errors[0])
    more = f" (the first of {count} problems)" if count > 1 else ""
    body = error_body(status, f"{consequence}: {first}{more}.", fields)
    return Response({**body, "problems": [asdict(problem) for problem in error.errors]}, status=status)
