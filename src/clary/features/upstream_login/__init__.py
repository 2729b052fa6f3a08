"""Signing in through other services (platform.md 5)."""
