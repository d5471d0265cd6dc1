# SPDX-License-Identifier: Apache-2.0
"""A certificate and clients for tests of SIP over TLS."""

import asyncio
import ssl

from media.control.tests.certificates import Authority
from signaling.transport.certificate import TlsFiles


def write_certificate(directory, authority=None, name="sip"):
    """Write a certificate of localhost and 127.0.0.1; return its files, with the authority beside."""
    authority = authority or Authority()
    certificate, key = authority.issue(name)
    files = TlsFiles(
        certificate=directory / f"{name}.crt",
        key=directory / f"{name}.key",
        authority=directory / f"{name}-ca.crt",
    )
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    files.authority.write_bytes(authority.pem)
    return files


def client_context(files=None):
    """Return a client's context, which checks the certificate when it gets the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if files is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(files.authority)
    return context


async def connect(manager, context=None, **kwargs):
    """Open a TLS connection to a manager with asyncio's own implementation."""
    return await asyncio.open_connection(
        "127.0.0.1", manager.tls_port, ssl=context or client_context(), server_hostname="localhost", **kwargs
    )
