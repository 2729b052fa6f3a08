"""Cookies of ours (platform.md 2.3): HttpOnly, SameSite=Lax, no Domain, Secure when the public address is https."""

from fastapi import Request, Response


def set_cookie(
    request: Request, response: Response, name: str, value: str, max_age_seconds: int, *, path: str = "/"
) -> None:
    """Sets one."""
    response.set_cookie(
        name, value, max_age=max_age_seconds, path=path, httponly=True, samesite="lax", secure=_is_secure(request)
    )


def clear_cookie(request: Request, response: Response, name: str, *, path: str = "/") -> None:
    """Clears one with the attributes it was set with."""
    set_cookie(request, response, name, "", 0, path=path)


def sets_cookie(response: Response, name: str) -> bool:
    """Whether an answer already says something about a cookie."""
    return any(value.startswith(f"{name}=") for value in response.headers.getlist("set-cookie"))


def _is_secure(request: Request) -> bool:
    return bool(request.app.state.cookies_secure) or request.state.peer.scheme == "https"
