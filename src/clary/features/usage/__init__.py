"""The usage ledger: one row per model call attempt, written in the transaction of its step.

Rows never change. Costs are decimals, never floats. This slice books; it decides nothing.
"""
