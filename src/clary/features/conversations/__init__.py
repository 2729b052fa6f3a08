"""Conversations of people with agents: rows, the message store, task lists, shares.

The message store is derived from the event log of runs and never ahead of it: stored messages plus the log's tail are
the history at any moment. On the wire a conversation is called a session; a session id is scoped to its owner. This
slice executes nothing and knows no model.
"""
