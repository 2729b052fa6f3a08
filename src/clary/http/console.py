"""The console's files: pages for people, served by the same process (platform.md 2.6).

Without built files every page path answers one plain page that says how to build them.
"""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https: blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
NOT_PAGES = ("/api/", "/oauth2/", "/.well-known/", "/v1/", "/mcp")
NOT_PAGES_WHOLE = frozenset(
    {"/api", "/active", "/metrics", "/openapi.json", "/docs", "/docs.css", "/redoc", "/v1", "/mcp"}
)

UNBUILT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Clary</title></head><body>
<h1>Clary is running</h1>
<p>The web console has not been built on this machine. The HTTP API works without it.</p>
<p>To get the console: install Node.js 20 or newer, then run <code>make console</code> and reload this page;
or install Clary from its wheel, which ships the console.</p>
<h1 lang="zh">Clary 正在运行</h1>
<p lang="zh">本机尚未构建网页控制台；HTTP 接口可以正常使用。安装 Node.js 20 或更高版本后执行
<code>make console</code>，再刷新本页即可。</p></body></html>"""


class Console:
    """Serves built files for GET and HEAD outside the API; everything else goes on to the application."""

    def __init__(self, app: ASGIApp, folders: list[Path]) -> None:
        self._app = app
        self._folders = folders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not is_page_path(scope["path"]):
            await self._app(scope, receive, send)
            return
        response = self._find(scope["path"], Headers(scope=scope))
        if response is None:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)

    def _find(self, path: str, headers: Headers) -> Response | None:
        folder = next((each for each in self._folders if (each / "index.html").is_file()), None)
        if folder is None:
            return _page(HTMLResponse(UNBUILT)) if _is_navigation(path, headers) else None
        file = _inside(folder, path)
        if file is not None:
            response = FileResponse(file)
            if path.startswith("/assets/"):
                # Names carry a hash of the content.
                response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
            return _page(response)
        if not _is_navigation(path, headers):
            return None
        page = FileResponse(folder / "index.html")
        page.headers["Cache-Control"] = "no-cache"
        return _page(page)


def is_page_path(path: str) -> bool:
    """Whether a path may be a page or an asset."""
    return not path.startswith(NOT_PAGES) and path not in NOT_PAGES_WHOLE


def _is_navigation(path: str, headers: Headers) -> bool:
    """A browser that opens a page says so; a client that asks for JSON gets the API's answer."""
    return path == "/" or "text/html" in headers.get("accept", "")


def _inside(folder: Path, path: str) -> Path | None:
    relative = path.lstrip("/")
    if not relative or ".." in relative.split("/") or "\x00" in relative:
        return None
    file = (folder / relative).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def _page(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
