# SPDX-License-Identifier: Apache-2.0
"""Somebody who works in the dashboard: logs in and asks for one page after the other."""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

PAGES = (
    "/admin/",
    "/admin/accounts/account/",
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/dialplan/route/",
    "/admin/dialplan/route/add/",
    "/admin/cdrs/cdr/",
    "/admin/cdrs/cdr/report/",
    "/admin/cdrs/cdr/export/csv/",
    "/admin/signaling/registration/",
    "/admin/accounts/apitoken/",
    "/api/v1/cdrs",
    "/api/v1/users",
    "/api/schema",
    "/api/docs/",
)
TIMEOUT_S = 20.0


class Person:
    """A browser's cookies and nothing else of it.

    Args:
        url: of the ui.

    Attributes:
        cookies: of the login.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, page: str) -> int:
        """Ask for a page and return its status, 0 when there is no answer."""
        try:
            with self._opener.open(self._url + page, timeout=TIMEOUT_S) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def log_in(self, username: str, password: str) -> None:
        """Log in.

        Raises:
            RuntimeError: refused.
        """
        self.get("/admin/login/")
        token = next(cookie.value for cookie in self.cookies if cookie.name == "csrftoken")
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token, "next": "/health"}
        data = urllib.parse.urlencode(form).encode()
        headers = {"Referer": f"{self._url}/admin/login/"}
        request = urllib.request.Request(f"{self._url}/admin/login/", data=data, headers=headers)
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            if not answer.geturl().endswith("/health"):
                raise RuntimeError(f"{username} could not log in")
