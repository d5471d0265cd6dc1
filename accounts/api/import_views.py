# SPDX-License-Identifier: Apache-2.0
"""``POST /api/v1/users/import``: users from CSV text, with a report for each line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.choices import Permission
from accounts.csv_import import COLUMNS, MAX_LINES, BadTable, ImportReport, import_users
from switchboard.api_errors import error_body
from switchboard.api_filters import check_parameters
from switchboard.api_parsers import CSVParser
from switchboard.api_serializers import AccountField


class ImportParameters(serializers.Serializer[Any]):
    """Query parameters of an import."""

    account = AccountField(required=False, help_text="May be left out by who reaches one account alone.")
    dry_run = serializers.BooleanField(default=False, help_text="Only check; nothing is stored.")
    existing = serializers.ChoiceField(
        choices=("refuse", "skip"), default="refuse", help_text="Lines whose extension exists already."
    )


class LineSerializer(serializers.Serializer[Any]):
    """What became of a line."""

    line = serializers.IntegerField(help_text="Number of the line, the header being line 1.")
    extension = serializers.CharField()
    username = serializers.CharField()
    status = serializers.ChoiceField(choices=("created", "valid", "skipped", "error"))
    password = serializers.CharField(
        allow_null=True, help_text="Made for a user that was given none; shown in this answer alone."
    )
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField())
    )


class ImportReportSerializer(serializers.Serializer[Any]):
    """What became of all lines."""

    applied = serializers.BooleanField(help_text="Whether the users are stored: all of them, or none.")
    created = serializers.IntegerField()
    valid = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    lines = LineSerializer(many=True)


class RefusedImportSerializer(ImportReportSerializer):
    """The error shape, with the report beside it when the text could be read at all."""

    error = serializers.CharField()
    code = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; none of the report has to be there."""
        found = super().get_fields()
        for name in ("applied", "created", "valid", "skipped", "failed", "lines"):
            found[name].required = False
        return found


class UserImportView(APIView):
    """Import users from CSV."""

    write_permission = Permission.CHANGE_CONFIG
    parser_classes = (CSVParser,)
    http_method_names = ["post"]

    @extend_schema(
        operation_id="users_import",
        description=f"The first line names the columns ({', '.join(COLUMNS)}); at most {MAX_LINES} lines. All lines "
        "are stored, or none: with an error in any line the answer is 400 with the same report.",
        parameters=[ImportParameters],
        request={"text/csv": {"type": "string", "example": "extension,display_name\n1005,Erin\n"}},
        responses={
            200: ImportReportSerializer,
            201: ImportReportSerializer,
            400: RefusedImportSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """Check the lines and store them."""
        check_parameters(request, tuple(ImportParameters().fields))
        parameters = ImportParameters(data=request.query_params, context={"request": request})
        parameters.is_valid(raise_exception=True)
        wanted = parameters.validated_data
        account_field: Any = parameters.fields["account"]
        account = wanted.get("account") or account_field.only_choice()
        if account is None:
            raise ValidationError({"account": "Say which account; you reach several."})
        text = request.data if isinstance(request.data, str) else ""
        try:
            report = import_users(
                text, account, dry_run=wanted["dry_run"], skip_existing=wanted["existing"] == "skip"
            )
        except BadTable as error:
            raise ValidationError(str(error)) from error
        return _answer(report)


def _answer(report: ImportReport) -> Response:
    body = {
        "applied": report.applied,
        **{status_: report.count(status_) for status_ in ("created", "valid", "skipped")},
        "failed": report.failed,
        "lines": [asdict(line) for line in report.lines],
    }
    if not report.failed:
        return Response(body, status=status.HTTP_201_CREATED if report.applied else status.HTTP_200_OK)
    fields = {
        f"lines[{line.line}].{column}": messages
        for line in report.lines
        for column, messages in line.errors.items()
    }
    sentence = f"Nothing was stored: {report.failed} of {len(report.lines)} lines cannot be."
    return Response({**error_body(400, sentence, fields), **body}, status=status.HTTP_400_BAD_REQUEST)
