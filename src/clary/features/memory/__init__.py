"""Memory notes: short texts that one person's runs with one agent remember (product.md 2.4, stream-runtime.md 9.8).

Notes belong to (user, agent) and are found by both in every statement: nobody's run or call meets another person's
notes, whoever owns the agent. Administrators see and delete them by naming the person, and are written down.
Older turns of a conversation are not kept here; they are the message store's.
"""
