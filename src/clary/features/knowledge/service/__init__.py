"""The door of the slice."""

from clary.features.knowledge.service.access import DocumentTargets, KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.claims import ClaimDesk
from clary.features.knowledge.service.documents import DocumentService
from clary.features.knowledge.service.endings import EndingWriter
from clary.features.knowledge.service.for_runs import (
    FoundPassage,
    FoundPassages,
    NoPassages,
    PassageSearch,
    RunBase,
    RunKnowledge,
)
from clary.features.knowledge.service.indexing import PassageIndexing
from clary.features.knowledge.service.ingestion import IngestionWorker, WorkerSettings
from clary.features.knowledge.service.leases import LeaseKeeper
from clary.features.knowledge.service.reading import DocumentReading
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.signals import IngestionSignals
from clary.features.knowledge.service.underway import FilesUnderWay
from clary.features.knowledge.service.uploads import DocumentLimits, DocumentUploads

__all__ = [
    "ClaimDesk",
    "DocumentLimits",
    "DocumentReading",
    "DocumentService",
    "DocumentTargets",
    "DocumentUploads",
    "EndingWriter",
    "FilesUnderWay",
    "FoundPassage",
    "FoundPassages",
    "IngestionSignals",
    "IngestionWorker",
    "KnowledgeAccess",
    "KnowledgeBase",
    "KnowledgeRemoval",
    "LeaseKeeper",
    "NoPassages",
    "PassageIndexing",
    "PassageSearch",
    "RunBase",
    "RunKnowledge",
    "WorkerSettings",
]
