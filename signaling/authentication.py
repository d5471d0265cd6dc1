# SPDX-License-Identifier: Apache-2.0
"""Digest authentication of requests (RFC 3261 22, RFC 7616, RFC 8760): who asks, and of which tenant.

Sans-IO; keeps no state for a request that is not authenticated. Decisions:

* The tenant is that of the From domain (REGISTER: of the Request-URI), else that of the other, else the default.
* An unknown user and a wrong password get the same answer after the same work; that a user or account is disabled is
  said only to who knows the password.
* `stale=true` is said only to who knows the password.
* Without qop (RFC 2069, old phones) MD5 is accepted, once per nonce: that is as safe against replay as a count.
* One nonce serves the challenges of all algorithms in one response; it is bound to the realm and the source address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from signaling.directory import AccountInfo, Directory, UserInfo
from signaling.guard import Guard, Identity
from signaling.sip import (
    Credentials,
    Flow,
    NonceCounter,
    NonceFactory,
    NonceState,
    RemoteProtocolError,
    SipRequest,
    SipResponse,
    SipUri,
)
from signaling.sip.digest import MD5
from signaling.sip.grammar import quote_string

MAX_CREDENTIALS = 4
"""Credentials looked at in one request; a phone sends one for each realm it passes."""

MAX_NONCES = 50_000
ANONYMOUS_HOST = "anonymous.invalid"
"""From host of a caller that withholds its identity (RFC 3323 4.1.1.3)."""

_NOBODY = UserInfo("", "", "", "", "", False, "0" * 32, "0" * 64, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationConfig:
    """What challenges look like."""

    secret: bytes
    """Signs nonces; the same on all nodes of an installation and after a restart."""
    algorithms: tuple[str, ...] = ("MD5", "SHA-256")
    """Offered algorithms in this order."""
    nonce_lifetime_s: float = 300.0
    """Life of a nonce."""
    md5_only_agents: tuple[str, ...] = ()
    """Beginnings of the User-Agent of phones that give up when MD5 is not the only algorithm offered."""

    @classmethod
    def from_settings(cls, settings: Any) -> AuthenticationConfig:
        """Return what the settings say; the secret is derived from SECRET_KEY."""
        key = settings.SECRET_KEY.encode()
        return cls(
            secret=hashlib.blake2b(key, person=b"digest nonces").digest(),
            algorithms=tuple(settings.DIGEST_ALGORITHMS.upper().split(",")),
            nonce_lifetime_s=settings.NONCE_LIFETIME_S,
            md5_only_agents=tuple(agent for agent, _ in settings.MD5_ONLY_AGENTS),
        )


class Authenticated(NamedTuple):
    """The request was made by this user."""

    user: UserInfo
    account: AccountInfo


class Refused(NamedTuple):
    """The request is answered with this and nothing else."""

    response: SipResponse


class Authenticator:
    """Checks requests.

    Args:
        directory: accounts and users.
        guard: limits guessing.
        config: algorithms and nonces.
        salt: returns 1 to 32 random letters and digits.
        epoch_offset_s: seconds since the epoch at `now` = 0, so that nonces outlive a restart.
    """

    def __init__(
        self,
        directory: Directory,
        guard: Guard,
        config: AuthenticationConfig,
        *,
        salt: Callable[[], str],
        epoch_offset_s: float = 0.0,
    ) -> None:
        self._directory = directory
        self._guard = guard
        self._algorithms = config.algorithms
        self._md5_only_agents = config.md5_only_agents
        self._nonces = NonceFactory(config.secret, config.nonce_lifetime_s)
        self._counter = NonceCounter(config.nonce_lifetime_s, MAX_NONCES)
        self._salt = salt
        self._epoch_offset_s = epoch_offset_s

    def check(
        self, request: SipRequest, flow: Flow, now: float, *, proxy: bool, own_aor: bool = True
    ) -> Authenticated | Refused:
        """Tell who made a request.

        Args:
            request: any request but ACK and CANCEL, which cannot be challenged (RFC 3261 22.1).
            flow: how it came.
            now: monotonic seconds.
            proxy: challenge with 407 instead of 401; credentials are accepted in either header.
            own_aor: refuse a user whose AOR in From (REGISTER: in From and To) is not its own; not for requests
                within a dialog, where From may be the number that was dialled.

        Raises:
            RemoteProtocolError: From, To or the Request-URI is malformed.
        """
        account = self._account(request)
        if account is None:
            self._guard.stray(flow, now)
            return Refused(request.response(404, "No Such Domain"))
        credentials = self._credentials(request, account.realm, proxy=proxy)
        if credentials is None:
            self._guard.challenged(flow, now)
            return self._challenge(request, flow, account, now, proxy=proxy)
        user = self._directory.user(account.id, credentials.username)
        identity = _identity(user, account, credentials)
        if not self._guard.may_try(flow, identity, now):
            return Refused(request.response(403, "Too Many Failed Attempts"))
        if not self._uri_matches(credentials.uri, request):
            self._guard.challenged(flow, now)
            return Refused(request.response(400, "Digest URI Does Not Match"))
        right = self._verify(credentials, user or _NOBODY, request.method)
        if user is None or not right:
            self._guard.failed(
                flow, identity, now, proven=self._proves_its_source(credentials, flow, account, now)
            )
            return self._challenge(request, flow, account, now, proxy=proxy)
        if not self._is_fresh(credentials, flow, account, now):
            self._guard.challenged(flow, now)
            return self._challenge(request, flow, account, now, proxy=proxy, stale=True)
        if not user.enabled:
            return Refused(request.response(403, "User Disabled"))
        self._guard.succeeded(flow, identity, now)
        return self._authorize(request, user, account, own_aor=own_aor)

    def _authorize(
        self, request: SipRequest, user: UserInfo, account: AccountInfo, *, own_aor: bool
    ) -> Authenticated | Refused:
        if not account.enabled:
            return Refused(request.response(403, "Account Disabled"))
        if own_aor and not self._owns(user, account, request):
            return Refused(request.response(403, "Not Your Address"))
        return Authenticated(user, account)

    def _account(self, request: SipRequest) -> AccountInfo | None:
        directory = self._directory
        hosts = [request.from_.uri.host, request.uri.host]
        if request.method == "REGISTER":
            hosts = [request.uri.host, request.to.uri.host]
        return directory.account_of_domain(hosts[0]) or directory.account_for_host(hosts[1])

    def _owns(self, user: UserInfo, account: AccountInfo, request: SipRequest) -> bool:
        """Whether the request speaks for its user alone; REGISTER on behalf of another is refused too."""
        from_uri = request.from_.uri
        if request.method == "REGISTER":
            to_uri = request.to.uri
            return owns(self._directory, user, account, to_uri) and (
                from_uri == to_uri or owns(self._directory, user, account, from_uri)
            )
        return from_uri.host == ANONYMOUS_HOST or owns(self._directory, user, account, from_uri)

    @staticmethod
    def _credentials(request: SipRequest, realm: str, *, proxy: bool) -> Credentials | None:
        """Return the first credentials for `realm`; malformed ones and other schemes count as absent."""
        fields = request.headers.fields
        names = (
            ("Proxy-Authorization", "Authorization") if proxy else ("Authorization", "Proxy-Authorization")
        )
        lines = [*fields.get(names[0], ()), *fields.get(names[1], ())]
        for line in lines[:MAX_CREDENTIALS]:
            try:
                credentials = Credentials.parse(line)
            except RemoteProtocolError:
                continue
            if credentials.realm == realm:
                return credentials
        return None

    def _verify(self, credentials: Credentials, user: UserInfo, method: str) -> bool:
        algorithm = credentials.algorithm.upper()
        if algorithm not in self._algorithms:
            return False
        if credentials.qop is None:
            if algorithm != MD5:
                return False
        elif credentials.qop.lower() != "auth":
            return False
        return credentials.verify(user.ha1_md5 if algorithm == MD5 else user.ha1_sha256, method)

    def _uri_matches(self, text: str, request: SipRequest) -> bool:
        """Whether a digest-uri means the Request-URI: same host or tenant, same user or none, whatever parameters.

        RFC 7616 3.4.6 asks for equivalence; phones write the registrar's address, or drop ports and parameters.
        """
        try:
            uri = SipUri.parse(text)
        except RemoteProtocolError:
            return False
        asked = request.uri
        if uri.user is not None and uri.user != asked.user:
            return False
        if uri.host == asked.host:
            return True
        account_for_host = self._directory.account_for_host
        return uri.scheme in ("sip", "sips") and account_for_host(uri.host) is account_for_host(asked.host)

    def _is_fresh(self, credentials: Credentials, flow: Flow, account: AccountInfo, now: float) -> bool:
        epoch = now + self._epoch_offset_s
        nonce = credentials.nonce
        if self._nonces.check(nonce, epoch, _context(account, flow)) is not NonceState.VALID:
            return False
        return self._counter.accept(nonce, 1 if credentials.nc is None else credentials.nc, epoch)

    def _proves_its_source(
        self, credentials: Credentials, flow: Flow, account: AccountInfo, now: float
    ) -> bool:
        """Whether credentials, however wrong, could only be sent by who gets what is sent to the source address.

        A stale nonce proves nothing: who had the address yesterday may still know one.
        """
        epoch = now + self._epoch_offset_s
        return (
            flow.reliable
            or self._nonces.check(credentials.nonce, epoch, _context(account, flow)) is NonceState.VALID
        )

    def _challenge(
        self,
        request: SipRequest,
        flow: Flow,
        account: AccountInfo,
        now: float,
        *,
        proxy: bool,
        stale: bool = False,
    ) -> Refused:
        response = request.response(407 if proxy else 401)
        nonce = self._nonces.issue(now + self._epoch_offset_s, self._salt(), _context(account, flow))
        start = f'Digest realm={quote_string(account.realm)}, nonce="{nonce}"' + (
            ", stale=true" if stale else ""
        )
        response.headers.set_all(
            "Proxy-Authenticate" if proxy else "WWW-Authenticate",
            [f'{start}, algorithm={algorithm}, qop="auth"' for algorithm in self._offered(request)],
        )
        return Refused(response)

    def _offered(self, request: SipRequest) -> tuple[str, ...]:
        """Return the algorithms to offer: MD5 alone to phones that give up on two challenges (RFC 8760 2.4)."""
        agents = self._md5_only_agents
        if (
            agents
            and (request.headers.get("User-Agent") or "").startswith(agents)
            and MD5 in self._algorithms
        ):
            return (MD5,)
        return self._algorithms


def owns(directory: Directory, user: UserInfo, account: AccountInfo, uri: SipUri) -> bool:
    """Whether `uri` is an address of record of `user`: its user name or extension, not in another's domain."""
    if uri.scheme not in ("sip", "sips") or not uri.user:
        return False
    tenant = directory.account_of_domain(uri.host)
    if tenant is not None and tenant.id != account.id:
        return False
    owner = directory.user_by_number(account.id, uri.user)
    return owner is not None and owner.id == user.id


def _identity(user: UserInfo | None, account: AccountInfo, credentials: Credentials) -> Identity:
    return Identity(user.id, True) if user else Identity(f"{account.id} {credentials.username}", False)


def _context(account: AccountInfo, flow: Flow) -> str:
    return f"{account.realm} {flow.remote[0]}"
