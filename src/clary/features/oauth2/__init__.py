"""The OAuth2 and OpenID authorization server (platform.md 6): clients, consent, codes, tokens.

What a request must look like is judged by the protocol core behind a port; what is stored, spent and revoked is decided
here, in one transaction each. Nothing is redirected to before client and redirect address are known to belong together.
"""
