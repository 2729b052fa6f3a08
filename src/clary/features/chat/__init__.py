"""Chat: from a request to a run, from its events to numbered lines, from a crash to where it stopped.

Turns what the agent loop says into wire lines exactly once, and hands them to the stream hub together with what must
commit with them: messages, recorded steps, usage, status. Holds no second copy of anything: readers read the log,
history is the message store, a run's state is its row.
"""
