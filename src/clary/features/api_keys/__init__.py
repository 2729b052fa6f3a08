"""Personal API keys (platform.md 7.1)."""
