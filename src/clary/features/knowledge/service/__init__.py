"""The door of the slice."""

from clary.features.knowledge.service.access import DocumentTargets, KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.asked import Answer, Question
from clary.features.knowledge.service.bases import BaseChanges, KnowledgeBases, NewBase
from clary.features.knowledge.service.claims import ClaimDesk
from clary.features.knowledge.service.documents import DocumentService
from clary.features.knowledge.service.endings import EndingWriter
from clary.features.knowledge.service.finding import QuestionFinder
from clary.features.knowledge.service.for_runs import (
    GivenPassage,
    GivenPassages,
    PassageSearch,
    RunBase,
    RunKnowledge,
    RunPassages,
)
from clary.features.knowledge.service.indexing import PassageIndexing
from clary.features.knowledge.service.ingestion import IngestionWorker, WorkerSettings
from clary.features.knowledge.service.leases import LeaseKeeper
from clary.features.knowledge.service.models import KnowledgeModels, ServerModels
from clary.features.knowledge.service.questions import QuestionRuns, QuestionSets
from clary.features.knowledge.service.reading import DocumentReading
from clary.features.knowledge.service.rebuilding import IndexBuilder, ServerFollower
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.retrieving import Retriever
from clary.features.knowledge.service.sharing import BaseSharing, WantedGrant
from clary.features.knowledge.service.signals import IngestionSignals
from clary.features.knowledge.service.sweeping import KnowledgeSweep
from clary.features.knowledge.service.underway import FilesUnderWay
from clary.features.knowledge.service.uploads import DocumentLimits, DocumentUploads
from clary.features.knowledge.service.vectors import VectorBatches, VectorFilling
from clary.features.knowledge.service.versions import IndexVersions
from clary.features.knowledge.service.written import base_of, question_of

__all__ = [
    "Answer",
    "Question",
    "QuestionFinder",
    "Retriever",
    "BaseChanges",
    "KnowledgeBases",
    "NewBase",
    "KnowledgeModels",
    "ServerModels",
    "QuestionRuns",
    "QuestionSets",
    "IndexBuilder",
    "ServerFollower",
    "BaseSharing",
    "WantedGrant",
    "VectorBatches",
    "VectorFilling",
    "IndexVersions",
    "base_of",
    "question_of",
    "ClaimDesk",
    "DocumentLimits",
    "DocumentReading",
    "DocumentService",
    "DocumentTargets",
    "DocumentUploads",
    "EndingWriter",
    "FilesUnderWay",
    "GivenPassage",
    "GivenPassages",
    "IngestionSignals",
    "IngestionWorker",
    "KnowledgeAccess",
    "KnowledgeBase",
    "KnowledgeRemoval",
    "KnowledgeSweep",
    "LeaseKeeper",
    "PassageIndexing",
    "PassageSearch",
    "RunBase",
    "RunKnowledge",
    "RunPassages",
    "WorkerSettings",
]
