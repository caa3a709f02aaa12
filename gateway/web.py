"""What every HTTP answer of the gateway shares: headers, cookies, where a request comes from."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_MAX_RETURN_TO = 512  # bytes: it travels in the state


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway's own address as browsers know it."""

    public_url: str

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by TLS."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def session_cookie(self) -> str:
        """The __Host- prefix makes browsers refuse it from anywhere but this very host by TLS."""
        return "__Host-session" if self.secure else "session"

    @property
    def login_cookie(self) -> str:
        """Binds a login under way to the browser."""
        return "__Host-login" if self.secure else "login"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """On every answer."""
        common = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if self.secure:
            common.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
        return common

    def set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        """HttpOnly, SameSite=Lax, Path=/; Secure by TLS."""
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.secure, httponly=True,
            samesite="lax",
        )  # fmt: skip

    def clear_cookie(self, response: Response, name: str) -> None:
        """With the attributes it was set with."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")

    def from_our_pages(self, connection: HTTPConnection) -> bool:
        """Whether a browser says that the request was made by one of our own pages."""
        fetch_site = connection.headers.get("sec-fetch-site")
        if fetch_site is not None and fetch_site != "same-origin":
            return False
        origin = connection.headers.get("origin")
        if origin is not None:
            return origin == self.origin
        return fetch_site == "same-origin"


def cookie(connection: HTTPConnection, name: str) -> str:
    """A cookie's value; empty where there is none, or more than one."""
    header = connection.headers.get("cookie", "")
    if not header or header.count(f"{name}=") == 0:
        return ""
    values = [
        value.strip()
        for part in header.split(";")
        for key, _, value in [part.partition("=")]
        if key.strip() == name
    ]
    if len(values) != 1:
        return ""
    try:
        morsel = SimpleCookie(f"{name}={values[0]}").get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def own_path(text: str, default: str) -> str:
    """Where to go afterwards: a path of ours, never another host's."""
    if (
        not text.startswith("/")
        or text.startswith("//")
        or "\\" in text
        or not text.isprintable()
        or len(text.encode()) > _MAX_RETURN_TO
    ):
        return default
    try:
        parts = urlsplit(text)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else text
