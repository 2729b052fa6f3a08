"""The audit log (platform.md 7.3)."""
