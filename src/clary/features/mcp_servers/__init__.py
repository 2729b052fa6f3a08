"""MCP servers of users (product.md 8): where they are, what they were seen to offer, and what runs may call of it.

What a server says of its tools is pinned when it is added; a change is never offered before its owner approves it.
Secrets are sealed in their rows and leave only towards the origin they were saved for. This room speaks no protocol:
connections and OAuth are ports.
"""
