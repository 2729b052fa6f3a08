"""Durable work in the background: put into a queue, claimed under a lease, repeated after a crash, watched, called off.

Knows handlers by the name of their kind, and no feature. A job has one row; whoever holds it holds a generation, and a
write of an older generation has no effect. A job may be begun more than once, so a handler must bear repetition.
"""
