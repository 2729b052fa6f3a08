"""The agent loop, pure: messages, events, ports, toolset wrappers, context budget, prompts, the demo script.

Knows no HTTP, no SQL, no vendor and no account: what it needs from the world are the protocols in this room.
"""
