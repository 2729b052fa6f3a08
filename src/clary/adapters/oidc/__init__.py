"""OpenID Connect and OAuth 2 as a client (platform.md 5.2): discovery, code exchange, id_tokens, userinfo."""

from clary.adapters.oidc.providers import OpenIdProviders

__all__ = ["OpenIdProviders"]
