"""OAuth2 and OpenID authorization server (platform.md 6)."""
