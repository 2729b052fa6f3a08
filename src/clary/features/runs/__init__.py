"""Rows of runs: states, leases, recorded steps, idempotency keys.

A run is one execution of an agent; it outlives the request that started it. This slice knows no chat: what a line or a
message is, and how a run is continued, is the business of whoever executes it. Invariants: terminal states are final
and the first transition wins; at most one root run per conversation is active; a run's secrets are erased at its end.
"""
