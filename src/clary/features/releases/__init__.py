"""Releases of the desktop client: what the download page shows and what the client's updater is told (platform.md 11).

Which release is the latest is told by its version alone, never by when it came. An updater is only ever given files
with a signature; whether that is right, the client checks.
"""
