"""Model providers: whose they are, what they hold, which one a run uses, and whether they work (platform.md 8).

A key is sealed in its row, opened only for a call, and leaves the server only towards the origin it was saved for.
This room calls no provider itself: probing is the `ProviderProbe` port, running is the business of the chat.
"""
