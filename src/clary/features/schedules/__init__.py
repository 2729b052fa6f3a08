"""Scheduled tasks: runs that start by themselves, once or again and again (platform.md 15)."""
