"""The door of the slice."""

from clary.features.knowledge.service.access import DocumentTargets, KnowledgeAccess, KnowledgeBase

__all__ = ["DocumentTargets", "KnowledgeAccess", "KnowledgeBase"]
