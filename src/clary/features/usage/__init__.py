"""The usage ledger and budgets: what model calls cost, and what they may cost (platform.md 14).

One row per model call attempt, written in the transaction of its step; rows never change. Each row adds to sums that
outlive it. A call reserves what it may use at most before it is made, so that calls of any number of processes never
pass a ceiling together. Money is decimal or a whole number of hundred millionths, never a float.

Budgets of groups, keys and agents are kept with these objects; only those of the server and of users are kept here.
"""
