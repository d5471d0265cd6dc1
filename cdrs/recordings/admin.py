# SPDX-License-Identifier: Apache-2.0
"""Admin pages of recordings: the list, one recording with its player, and its deletion with its file."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from accounts.admin_base import TenantAdmin
from accounts.choices import Permission
from cdrs.models import Recording
from cdrs.recordings import files, listening
from cdrs.recordings.presentation import player, shown_length, shown_size

MAX_LISTENERS: Final = 20
"""Lines on the page of a recording; the history has all."""


@admin.register(Recording)
class RecordingAdmin(TenantAdmin):
    """Recorded calls; nobody edits them."""

    empty_text = (
        "A recorded call appears here once it has ended. Record all calls of an account on its page, or those of "
        'a route with the action "Record the call".'
    )
    view_permission = Permission.LISTEN
    list_display = ("call", "began_at", "length", "sound", "state")
    list_filter = ("state", ("account", admin.RelatedOnlyFieldListFilter))
    list_per_page = 25
    search_fields = ("caller_number", "callee_number", "cdr__call_id")
    search_help_text = "Number or SIP Call-ID"
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("sound", "call_page", "began_at", "length", "outcome", "listeners")}),
        ("File", {"fields": ("file", "size", "rtp_manager")}),
    )

    class Media:
        css = {"all": ("cdrs/recordings.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        audio = path(
            "<path:object_id>/audio/",
            self.admin_site.admin_view(self.audio_view),
            name="cdrs_recording_audio",
        )
        return [audio, *super().get_urls()]

    def audio_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send the sound to who may listen to it."""
        recording = self.get_object(request, object_id)
        if recording is None or not self.has_view_permission(request, recording):
            raise Http404("There is no such recording, or not for you.")
        try:
            download = "download" in request.GET
            return listening.respond(request, recording, user=request.user, download=download)
        except listening.NotHere as error:
            raise Http404(str(error)) from error

    def delete_model(self, request: HttpRequest, obj: Recording) -> None:
        """Delete the file, then the row; a file that cannot be deleted keeps its row."""
        try:
            files.remove(obj.file)
        except OSError as error:
            message = f"The file of {obj} cannot be deleted: {error.strerror}."
            self.message_user(request, message, messages.ERROR)
            return
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        """Delete the recordings that were chosen, each with its file."""
        for recording in queryset:
            self.delete_model(request, recording)

    @admin.display(description="Call", ordering="caller_number")
    def call(self, recording: Recording) -> str:
        """Return who called whom."""
        return f"{recording.caller_number} → {recording.callee_number}"

    @admin.display(description="Call")
    def call_page(self, recording: Recording) -> str | SafeString:
        """Return the link to the call."""
        address = reverse("admin:cdrs_cdr_change", args=[recording.cdr_id])
        return format_html('<a class="recording-link" href="{}">{}</a>', address, self.call(recording))

    @admin.display(description="Length", ordering="duration_ms")
    def length(self, recording: Recording) -> str:
        """Return how long it is."""
        return shown_length(recording)

    @admin.display(description="Size", ordering="size_bytes")
    def size(self, recording: Recording) -> str:
        """Return how large its file is."""
        return shown_size(recording)

    @admin.display(description="Sound")
    def sound(self, recording: Recording) -> SafeString:
        """Return what plays it, or why it cannot be played."""
        return player(recording)

    @admin.display(description="Listeners")
    def listeners(self, recording: Recording) -> str | SafeString:
        """Return who listened when, the last one first."""
        entries = listening.heard(recording)[:MAX_LISTENERS]
        shown = (
            (
                entry.user,
                entry.change_message.rstrip(".").lower(),
                f"{localtime(entry.action_time):%Y-%m-%d %H:%M}",
            )
            for entry in entries
        )
        return format_html_join("", "<div>{} {}, {}</div>", shown) or "Nobody yet"

    @admin.display(description="State")
    def outcome(self, recording: Recording) -> str:
        """Return what became of it, in words."""
        detail = f": {recording.detail}" if recording.detail else ""
        return f"{recording.get_state_display()}{detail}"
