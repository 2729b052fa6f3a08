"""Clary: a self-hosted, multi-user AI agent platform server."""

__version__ = "0.1.0"
