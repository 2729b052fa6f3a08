"""The consent page: plain HTML without script, in the language of the person (platform.md 6.4)."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from clary.features.oauth2.authorizing import ConsentPage
from clary.kit.text import Text, current_locale

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1f2328;--soft:#656d76;--line:#d0d7de;--accent:#1f2328;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ground:#16181c;--text:#e6e8eb;--soft:#9aa2ab;--line:#3a3f46;--accent:#e6e8eb;
--on:#16181c}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.6 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:26rem;margin:0 auto;padding:3rem 1.25rem}
h1{font-size:1.4rem;line-height:1.35;margin:0 0 1rem}
p{margin:.5rem 0}
.soft{color:var(--soft);font-size:.9rem}
.note{border:1px solid var(--line);border-radius:.6rem;padding:.6rem .8rem}
fieldset{border:0;padding:0;margin:1.25rem 0}
legend{font-weight:600;padding:0;margin-bottom:.5rem}
label{display:flex;gap:.6rem;padding:.4rem 0;align-items:flex-start}
input{margin-top:.4rem;accent-color:var(--accent)}
.row{display:flex;gap:.75rem;margin-top:1.5rem}
button{flex:1;font:inherit;padding:.65rem 1rem;border-radius:.6rem;border:1px solid var(--line);background:transparent;
color:inherit;cursor:pointer}
button.main{background:var(--accent);color:var(--on);border-color:var(--accent)}
a{color:inherit}
:focus-visible{outline:2px solid var(--soft);outline-offset:2px}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

TITLE = Text("{name} 想访问您的 Clary 账号", "{name} wants to use your Clary account")
GOES_TO = Text("授权后将前往 {host}", "Afterwards you go on to {host}")
UNCHECKED = Text(
    "该应用是自行注册的，未经核实。请确认您信任它。",
    "This app was registered by itself and is not checked. Make sure that you trust it.",
)
MAY = Text("允许它：", "Let it:")
SIGNED_IN_AS = Text("当前登录：{name}", "Signed in as {name}")
SWITCH = Text("使用其他账号", "Use another account")
ALLOW, DENY = Text("允许", "Allow"), Text("拒绝", "Deny")
FAILED = Text("无法完成授权", "This cannot go on")
SCOPES = {
    "openid": Text("确认您的身份", "Know who you are"),
    "profile": Text("查看您的用户名、昵称、头像和角色", "See your user name, nickname, picture and role"),
    "email": Text("查看您的邮箱地址", "See your e-mail address"),
    "groups": Text("查看您所在的用户组", "See the groups you belong to"),
    "offline_access": Text("在您离开后保持访问", "Stay connected while you are away"),
    "read": Text("查看您的对话、智能体和其他内容", "Read your conversations, agents and everything else you can see"),
    "chat": Text("以您的名义与智能体对话", "Chat with agents in your name"),
    "write": Text("创建、修改和删除您的内容", "Create, change and delete what is yours"),
    "mcp": Text("通过 MCP 使用您的智能体", "Use your agents over MCP"),
    "admin": Text("以管理员身份管理此服务器", "Administer this server in your name"),
}


def consent_html(page: ConsentPage) -> str:
    """The page, every value of a stranger escaped."""
    client, host = page.client, urlsplit(page.redirect_uri).netloc or urlsplit(page.redirect_uri).scheme
    checked = "" if client.source != "registered" else f'<p class="note">{UNCHECKED.render()}</p>'
    scopes = "".join(_scope(each) for each in page.scope)
    body = f"""<h1>{escape(TITLE.fill(name=client.name).render())}</h1>
<p class="soft">{escape(GOES_TO.fill(host=host).render())}</p>{checked}
<form method="post" action="consent">
<input type="hidden" name="request" value="{escape(page.request)}">
<input type="hidden" name="csrf" value="{escape(page.csrf)}">
<fieldset><legend>{MAY.render()}</legend>{scopes}</fieldset>
<p class="soft">{escape(SIGNED_IN_AS.fill(name=page.username).render())} ·
<a href="{escape(page.switch_url)}">{SWITCH.render()}</a></p>
<div class="row"><button name="decision" value="deny">{DENY.render()}</button>
<button class="main" name="decision" value="allow">{ALLOW.render()}</button></div>
</form>"""
    return _page(client.name, body)


def failure_html(message: str) -> str:
    """A refusal that must not be redirected."""
    return _page(FAILED.render(), f"<h1>{FAILED.render()}</h1><p>{escape(message)}</p>")


def page_policy(redirect_uri: str | None = None) -> str:
    """The content policy: own style, no script, no frame; the form may go on to the client (2.6)."""
    goes_to = ""
    if redirect_uri is not None:
        parts = urlsplit(redirect_uri)
        goes_to = f" {parts.scheme}://{parts.netloc}" if parts.netloc else f" {parts.scheme}:"
    return (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; object-src 'none'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action 'self'{goes_to}"
    )


def _scope(scope: str) -> str:
    words = escape(SCOPES[scope].render())
    if scope == "openid":
        return f'<label><input type="checkbox" checked disabled>{words}</label>'
    return f'<label><input type="checkbox" name="scope" value="{scope}" checked>{words}</label>'


def _page(title: str, body: str) -> str:
    language = "en" if current_locale.get() == "en-US" else "zh"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )
