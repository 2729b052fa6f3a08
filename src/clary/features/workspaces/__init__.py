"""File workspaces: one folder per (user, agent), shown to tools and people as `/workspace`.

For the built-in agent the workspace belongs to the conversation. Folder names are hashes: no id or name of a stranger
ever becomes part of a host path.
"""
