"""Personal API keys (platform.md 7.1): several for each person, named, limited, expiring, revocable.

A key opens what its owner may do, within its scopes and limits, read anew at each use. The secret is shown once; at
rest there is its hash. Nothing here decides what a scope opens: that is the gate's work.
"""
