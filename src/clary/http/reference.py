"""`/docs` and `/redoc`: the API document as one page for people, without scripts and from this server alone (2.2).

Knows the shape of an OpenAPI document and nothing of the routes in it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from clary.http.access import KEY
from clary.http.console import PAGE_POLICY
from clary.kit.text import Locale, Text, current_locale

Json = Mapping[str, Any]
STYLE_PATH = "/docs.css"
METHODS = ("get", "post", "put", "patch", "delete", "options")
SCHEMA_PREFIX = "#/components/schemas/"

TITLE = Text("{title} {version} 接口文档", "{title} {version} API reference")
MACHINE_READABLE = Text("机器可读版本", "For programs")
PARAMETERS, BODY, ANSWER = Text("参数", "Parameters"), Text("请求体", "Body"), Text("响应", "Answer")
SCHEMAS = Text("数据结构", "Schemas")
PUBLIC, LOGIN = Text("公开", "public"), Text("需要登录: {scope}", "login: {scope}")
REQUIRED = Text("必填", "required")

STYLE = """
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif;
  color: #1c1e21; background: #fff }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccd; text-transform: capitalize }
details { margin: .4rem 0; border: 1px solid #dde; border-radius: 6px; padding: .4rem .8rem }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 4.2rem }
code, pre { font: 14px/1.45 ui-monospace, monospace }
pre { overflow: auto; background: #f4f5f8; padding: .6rem; border-radius: 6px }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
.who { float: right; color: #556; font-size: 14px }
@media (prefers-color-scheme: dark) { body { color: #e4e6ea; background: #16181c }
  pre { background: #22252b } details { border-color: #333842 } .who { color: #a3abb8 } a { color: #8ab4f8 } }
"""


def mount_reference(api: FastAPI) -> None:
    """Adds the two pages and their style; the document is read when a page is first asked for."""
    pages: dict[Locale, str] = {}

    async def page(_request: Request) -> Response:
        locale = current_locale.get()
        if locale not in pages:
            pages[locale] = render_reference(api.openapi(), locale)
        return HTMLResponse(pages[locale], headers={"Content-Security-Policy": PAGE_POLICY, "Content-Language": locale})

    async def style(_request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    for path, endpoint in (("/docs", page), ("/redoc", page), (STYLE_PATH, style)):
        api.add_route(path, endpoint, methods=["GET"], include_in_schema=False)


def render_reference(document: Json, locale: Locale) -> str:
    """The page of an OpenAPI document: a block for each route, by tag, then the schemas they name."""

    def say(text: Text, **values: object) -> str:
        return escape(text.fill(**values).render(locale))

    title = say(TITLE, title=document["info"]["title"], version=document["info"]["version"])
    parts = [
        f'<!doctype html><html lang="{locale}"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<link rel="stylesheet" href="{STYLE_PATH}"></head><body><h1>{title}</h1>',
        f'<p>{say(MACHINE_READABLE)}: <a href="/openapi.json">/openapi.json</a></p>',
    ]
    for tag, operations in _by_tag(document).items():
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [_operation(method, path, each, say) for method, path, each in operations]
    parts.append(f'<h2 id="schemas">{say(SCHEMAS)}</h2>')
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        anchor = escape(name, quote=True)
        parts.append(f'<details id="{anchor}"><summary><code>{anchor}</code></summary>{_schema(schema)}</details>')
    return "".join([*parts, "</body></html>"])


def _by_tag(document: Json) -> dict[str, list[tuple[str, str, Json]]]:
    found: dict[str, list[tuple[str, str, Json]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or [""])[0]
                found.setdefault(tag, []).append((method.upper(), path, item[method]))
    return found


def _operation(method: str, path: str, operation: Json, say: Callable[..., str]) -> str:
    scope = operation.get(KEY, {}).get("scope")
    who = say(LOGIN, scope=scope) if scope else say(PUBLIC)
    parts = [
        f'<details><summary><span class="who">{who}</span><b>{method}</b> <code>{escape(path)}</code> ',
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>",
    ]
    rows = [
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}"
        f"{', ' + say(REQUIRED) if each.get('required') else ''}</td><td>{_schema(each.get('schema', {}))}</td></tr>"
        for each in operation.get("parameters", ())
    ]
    if rows:
        parts.append(f"<h4>{say(PARAMETERS)}</h4><table>{''.join(rows)}</table>")
    if "requestBody" in operation:
        parts += [f"<h4>{say(BODY)}</h4>", *_contents(operation["requestBody"])]
    for status, answer in operation.get("responses", {}).items():
        parts += [f"<h4>{say(ANSWER)} {escape(status)}</h4>", *_contents(answer)]
    return "".join([*parts, "</details>"])


def _contents(holder: Json) -> Iterator[str]:
    for media_type, content in holder.get("content", {}).items():
        yield f"<p>{escape(media_type)}</p>{_schema(content.get('schema', {}))}"


def _schema(schema: Json) -> str:
    """A schema as JSON, with links to those it names."""
    if not schema:
        return ""
    names = sorted(_names(schema))
    links = ", ".join(f'<a href="#{escape(name, quote=True)}">{escape(name)}</a>' for name in names)
    text = escape(json.dumps(schema, indent=1, ensure_ascii=False))
    shown = "" if set(schema) == {"$ref"} else f"<pre>{text}</pre>"
    return shown + (f"<p>{links}</p>" if links else "")


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        own = items.get("$ref")
        found = {own.removeprefix(SCHEMA_PREFIX)} if isinstance(own, str) else set[str]()
        return found.union(*(_names(each) for each in items.values()))
    if isinstance(value, list):
        return set[str]().union(*(_names(each) for each in cast("list[Any]", value)))
    return set()
