"""The way to the broker and how it is trusted: TCP, TLS, the password, and one clear sentence for what goes wrong."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

from gateway.config.model import Uplink


class BrokerLost(Exception):
    """There is no conversation with the broker, or it is over: the publisher tries again. Says why in one sentence."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return who is trusted: the authorities of `ca_file` or of the system, the host's name checked, TLS 1.2 or later.

    Raises:
        OSError: the file is missing or is no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def dial(uplink: Uplink) -> socket.socket:
    """Resolve the broker's name, connect and shake hands; blocks, so call it in a thread.

    Raises:
        OSError, ValueError: nobody answers, or nobody who is trusted.
    """
    context = tls_context(uplink.ca_file) if uplink.tls else None
    if context is not None and uplink.cert_file is not None:
        context.load_cert_chain(uplink.cert_file, uplink.key_file)
    sock = socket.create_connection((uplink.host, uplink.port), timeout=uplink.connect_timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = context.wrap_socket(sock, server_hostname=uplink.host)
    except BaseException:
        sock.close()
        raise
    return sock


async def reach(uplink: Uplink) -> socket.socket:
    """Do `dial` in a daemon thread, so that neither a time-out nor the end of the process waits for a resolver.

    Raises:
        OSError, ValueError: nobody answers, or nobody who is trusted.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[socket.socket] = loop.create_future()

    def settle(sock: socket.socket | None, error: Exception | None) -> None:
        if sock is not None:
            sock.close() if done.done() else done.set_result(sock)
        elif error is not None and not done.done():
            done.set_exception(error)

    def run() -> None:
        sock, error = None, None
        try:
            sock = dial(uplink)
        except (OSError, ValueError) as caught:
            error = caught
        try:
            loop.call_soon_threadsafe(settle, sock, error)
        except RuntimeError:  # the loop is closed: nobody waits
            if sock is not None:
                sock.close()

    threading.Thread(target=run, name="connect", daemon=True).start()
    return await done


def password(path: Path | None) -> str | None:
    """Return the password in `path`, read at each attempt so that it can be changed while the gateway runs."""
    return None if path is None else path.read_text(encoding="utf-8").strip("\r\n")


def sentence(error: Exception, host: str, *, port: int, within_s: float) -> str:
    """Say what went wrong on the way to `host`, which had `within_s`."""
    where = f"{host}:{port}"
    match error:
        case TimeoutError():
            text = f"no answer from {where} within {within_s:g} s"
        case socket.gaierror():
            text = f"host {host} not found: {error.strerror}"
        case ConnectionRefusedError():
            text = f"nobody listens at {where}"
        case ssl.SSLCertVerificationError():
            text = f"the certificate of {where} is not trusted: {error.verify_message}"
        case ssl.SSLError():
            text = f"no TLS with {where}: {error.reason or error}"
        case OSError() if error.filename is not None:
            text = f"cannot read {error.filename}: {error.strerror}"
        case _:
            text = f"no connection to {where}: {error}"
    return text
