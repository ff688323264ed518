"""Opens the socket of the web application, and lists the host names that the application accepts."""

from __future__ import annotations

import ipaddress
import socket

from autotts.envs.errors import InputError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that already listens.

    Raises:
        InputError: the address cannot be used.
    """
    address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(address_family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen()  # we print the link before the server runs: an early browser waits, and is not refused
    except OverflowError:
        found.close()
        raise InputError(f"--port {port} is no port: ports are 0 to 65535, and 0 takes a free one") from None
    except OSError as error:
        found.close()
        why = error.strerror or error
        raise InputError(
            f"cannot listen on {host}, port {port}: {why}; choose another --port (0 takes a free one)"
        ) from None
    return found


def host_names(host: str) -> tuple[str, ...]:
    """Return the host names that the server accepts; the first is the name in the link."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return (host, "127.0.0.1") if host == "localhost" else (host,)
    local = ("127.0.0.1", "localhost", "[::1]")
    if address.is_unspecified:
        return (*local, socket.gethostname(), *_addresses())
    shown = f"[{host}]" if address.version == 6 else host
    return tuple(dict.fromkeys((shown, *local))) if address.is_loopback else (shown,)


def _addresses() -> list[str]:
    """Return the IPv4 addresses of this machine's host name."""
    try:
        return sorted({info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)})  # type: ignore[misc]
    except OSError:
        return []
