"""Parts for the ways in: mail, and what a proxy may say."""

from clary.adapters.oidc import OpenIdProviders
from clary.adapters.smtp import LoggedMailer, SmtpMailer
from clary.features.accounts.guards import ProxyHeaders
from clary.features.accounts.ports import Mailer
from clary.features.accounts.service import ProxyRules
from clary.features.upstream_login.service import Place
from clary.http.peers import AddressList
from clary.kit.clock import Clock
from clary.settings import Settings
from clary.settings.providers import is_safe
from clary.settings.values import plain


def make_mailer(settings: Settings) -> Mailer | None:
    """Mail by SMTP; without a mail server the log in development, and nothing in production."""
    if settings.smtp_host is None:
        return None if settings.is_production else LoggedMailer()
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=settings.mail_from or "",
        username=settings.smtp_username,
        password=plain(settings.smtp_password),
        reply_to=settings.mail_reply_to,
        timeout_seconds=settings.smtp_timeout_seconds,
    )


def proxy_headers(settings: Settings) -> ProxyHeaders:
    """Whose headers count, and how they are called (platform.md 3.2)."""
    return ProxyHeaders(
        AddressList(settings.trusted_identity_proxy_ips),
        settings.trusted_proxy_user_header,
        settings.trusted_proxy_email_header,
        settings.trusted_proxy_name_header,
        settings.trusted_proxy_groups_header,
        settings.trusted_proxy_role_header,
    )


def proxy_rules(settings: Settings) -> ProxyRules:
    """What the proxy's word does (platform.md 5.4)."""
    return ProxyRules(
        settings.trusted_proxy_role,
        frozenset(settings.trusted_proxy_admin_groups),
        settings.trusted_proxy_group_map,
        settings.trusted_proxy_group_create,
    )


def make_upstream(settings: Settings, clock: Clock) -> OpenIdProviders:
    """Who talks to the configured providers."""
    return OpenIdProviders(
        providers=settings.auth_providers,
        outbound_allow=settings.outbound_allow,
        is_safe=lambda address: is_safe(address, settings.outbound_allow),
        clock=clock,
    )


def own_place(settings: Settings) -> Place:
    """Where browsers find this server."""
    return Place(settings.public_url, settings.api_prefix, settings.web_base_path)
