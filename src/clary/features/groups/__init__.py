"""Groups of people (platform.md 7.2)."""
