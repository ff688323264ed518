"""Access control: requests need the token of the printed link, this server's origin and an address of this machine."""

from __future__ import annotations

import json
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..web.connections import ADMITTED

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types default"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Headers of every response, including errors."""
_REFUSED = {
    401: "This is AutoTTS's local application. Open it by the link, with its token, that `autotts ui` has printed.",
    403: "Refused: this request comes from another site.",
    421: "Refused: this server does not go by that name; open the link that `autotts ui` has printed.",
}


class AccessGuard:
    """ASGI middleware: checks host, origin and token of each request, and adds `HEADERS` to every answer.

    Args:
        app: the application behind the guard.
        token: token of the printed link; it becomes a cookie that scripts cannot read.
        port: port of the server. All ports of a host share their cookies, so the name of the cookie holds the port.
        hosts: host names of the server, without the port.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: tuple[str, ...]) -> None:
        self.app, self.token, self.cookie = app, token, f"autotts-{port}"
        self.authorities = {f"{host}:{port}" for host in hosts} | ({*hosts} if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", ())}
                cache = {"cache-control": "no-cache"} if scope["path"].startswith("/static/") else {}  # revalidate
                more = [(k.encode(), v.encode()) for k, v in (HEADERS | cache).items() if k.encode() not in own]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if (code := self._refused(headers)) is not None:
            await _answer(guarded, code, _REFUSED[code])
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and given and self._right(given):
            scope[ADMITTED] = True
            await self._admit(guarded)
        elif self._authorized(headers):
            scope[ADMITTED] = True
            await self.app(scope, receive, guarded)
        else:
            await _answer(guarded, 401, _REFUSED[401])

    def _refused(self, headers: dict[str, str]) -> int | None:
        if headers.get("host", "") not in self.authorities:
            return 421  # DNS rebinding: a page elsewhere gives this address another name
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{authority}" for authority in self.authorities}:
            return 403
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            # a link in a mail or a page may lead here, because it holds the token; all other requests are refused
            return None if headers.get("sec-fetch-mode") == "navigate" and origin is None else 403
        return None

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self.token.encode())

    def _authorized(self, headers: dict[str, str]) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._right(value.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return cookie is not None and self._right(cookie.value)

    async def _admit(self, send: Send) -> None:
        """Set the cookie with the token, and redirect to the address without the token."""
        cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, code: int, text: str) -> None:
    body = json.dumps({"detail": text}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if code == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
