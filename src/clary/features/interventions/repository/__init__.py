"""Every SQL statement of the slice.

The functions that take a `Connection` run in the event log's transaction (see `streams.ports.Write`).
"""
