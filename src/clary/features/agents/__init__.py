"""Saved agents: a persona, what it may use, and how it works (product.md 3).

An agent belongs to one person; its references are checked against that person's rights when it is saved and again when
it is used. A run gets an immutable snapshot and never changes the agent. What runs an agent is not here.
"""
