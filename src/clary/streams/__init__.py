"""Runs in progress, and how a reader rejoins one.

Knows order, not meaning: an event is bytes with a number. A line is durable before any reader gets it; readers are
cursors over the log, so a slow one costs nobody anything. Never looks inside a line, never asks who is reading.
"""
