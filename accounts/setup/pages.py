# SPDX-License-Identifier: Apache-2.0
"""The set-up page of a SIP user, its light, and the link that a phone fetches its settings from.

Invariant: a password is on this page once, right after it was set, in the session that set it; the page is not kept
by browsers. Whoever opens it later sees everything but the password.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as render_page
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.choices import Permission
from accounts.models import User
from accounts.setup.handover import LIFE, Purpose, offer, take
from accounts.setup.phones import linphone_xml, programs, rows_for_all, wave_xml
from accounts.setup.qr import qr_svg
from accounts.setup.server import phone_settings
from accounts.tenancy import access_of
from switchboard.addresses import is_loopback
from switchboard.phones import Phones, phones_of, render

COOKIE = "switchboard_setup"


def setup_url(user: User) -> str:
    """Return the address of a user's set-up page."""
    return reverse("admin:accounts_user_setup", args=[user.pk])


def redirect_to_showing(request: HttpRequest, user: User, password: str) -> HttpResponse:
    """Lead to the page that shows a password which was just set, this once."""
    url = setup_url(user)
    ticket = offer(user, password, Purpose.PAGE, bound_to=_session(request))
    response = HttpResponseRedirect(url)
    response.set_cookie(
        COOKIE,
        ticket,
        max_age=LIFE[Purpose.PAGE],
        path=url,
        secure=request.is_secure(),
        httponly=True,
        samesite="Strict",
    )
    return response


def context(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what the page shows; a password that waits for this request is taken and shown."""
    password = _waiting_password(request, user)
    phone = phone_settings(request, user, password)
    shown: dict[str, Any] = {
        "sip_user": user,
        "phone": phone,
        "password": password,
        "rows": rows_for_all(phone),
        "programs": programs(phone),
        "only_here": is_loopback(phone.host),
        "light": light(request, user),
    }
    if password:
        link = request.build_absolute_uri(reverse("provision", args=[offer(user, password, Purpose.PHONE)]))
        shown |= {
            "link": link,
            "link_minutes": int(LIFE[Purpose.PHONE].total_seconds() // 60),
            "link_is_plain": link.startswith("http:"),
            "link_only_here": is_loopback(urlsplit(link).hostname or ""),
            "linphone_qr": qr_svg(link, "QR code for Linphone"),
            # Its form has no place for the transport, and the phone would come in the clear.
            "wave_qr": "" if phone.is_encrypted else qr_svg(wave_xml(phone), "QR code for Grandstream Wave"),
        }
    return shown


def light(request: HttpRequest, user: User) -> dict[str, Any] | None:
    """Return state and HTML of the light; None for who may not see where phones are."""
    if not access_of(request.user).may(Permission.VIEW_LIVE, user.account_id):
        return None
    phones = phones_of(user.pk) if user.enabled else Phones()
    return {"state": phones.state, "html": mark_safe(render(phones))}  # noqa: S308 - a template that escapes


@never_cache
@require_GET
def provision(request: HttpRequest, ticket: str) -> HttpResponse:
    """Answer a phone that fetches its settings; the ticket is what it needs, and counts once."""
    handed = take(ticket, Purpose.PHONE)
    if handed is None:
        return render_page(request, "phones/link_gone.html", status=410)
    document = linphone_xml(phone_settings(request, handed.user, handed.password))
    return HttpResponse(document, content_type="application/xml; charset=utf-8")


def _waiting_password(request: HttpRequest, user: User) -> str:
    ticket = request.COOKIES.get(COOKIE, "")
    if request.method != "GET" or not ticket:
        return ""
    handed = take(ticket, Purpose.PAGE, bound_to=_session(request))
    return handed.password if handed is not None and handed.user.pk == user.pk else ""


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""
