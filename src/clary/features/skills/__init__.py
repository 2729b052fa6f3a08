"""Skills: folders with a `SKILL.md` that agents can load (product.md 7).

A skill belongs to the server, to a person or to an agent. Its versions are immutable and named by the hash of what is
in them. A version is scanned before it is stored, and only an approved one whose files still have their hash is ever
offered. Nothing of a skill is executed here. Who sees which agent is told through a port.
"""
