"""File workspaces: one folder per (user, agent), shown to tools and people as `/workspace` (product.md 4).

For the built-in agent the workspace belongs to the conversation. Folder names are hashes: no id or name of a stranger
ever becomes part of a host path. Nobody reaches the workspace of another user but an admin who names a conversation
of that user. Every path of a client goes through `kit.safe_paths`; links are never followed. What is half done lies
below `.clary/incoming` of the workspace and is moved to its place in one step.
"""
