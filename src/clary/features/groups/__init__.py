"""Groups of people (platform.md 7.2): who belongs, who manages, and what outside sources say about it.

Membership is read at each use and kept nowhere else. Says nothing about what a group may do: grants live with what is
granted. A group that somebody does not belong to reads exactly like a missing one.
"""
