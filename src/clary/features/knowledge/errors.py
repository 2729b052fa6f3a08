"""Refusals of knowledge bases (contract product 1.2, 5).

ProblemError
├── NotFoundError        KdbNotFoundError, DocNotFoundError, KdbTaskNotFoundError
├── ForbiddenError       KdbForbiddenError
├── InvalidRequestError  NameEmptyError, QueryEmptyError, QaFileTypeError, QaFileFormatError
├── TooLargeError        StorageFullError
└── UpstreamError        RetrievalTimeoutError
    └── ProviderFailedError  KnowledgeModelFailedError (of the providers)
"""

from typing import cast, get_args

from clary.errors import ForbiddenError, InvalidRequestError, NotFoundError, TooLargeError, UpstreamError
from clary.features.llm_providers.errors import ProviderFailedError
from clary.kit.text import Text, same
from clary.runtime.model import FailureKind


class KdbNotFoundError(NotFoundError):
    """E-KDB: unknown, or not visible."""

    slug = "kdb_not_found"
    code = 404
    http_status = 200
    text = same("KDB not found")


class KdbForbiddenError(ForbiddenError):
    """E-KDB-EDIT: visible, without the right."""

    slug = "kdb_forbidden"
    code = 403
    http_status = 200
    text = Text("无权操作该知识库", "You may not change this knowledge base")


class DocNotFoundError(NotFoundError):
    """E-DOC: unknown, or of a base that is not visible."""

    slug = "doc_not_found"
    code = 404
    http_status = 200
    text = same("KDB Doc not found")


class KdbTaskNotFoundError(NotFoundError):
    """E-TASK: no such upload or redo in this base."""

    slug = "task_not_found"
    code = 404
    http_status = 200
    text = Text("任务不存在", "Task not found")


class NameEmptyError(InvalidRequestError):
    """A base needs a name."""

    slug = "name_empty"
    code = 400
    http_status = 200
    text = Text("名称不能为空", "The name must not be empty")


class QueryEmptyError(InvalidRequestError):
    """Only white space was asked."""

    slug = "query_empty"
    code = 400
    http_status = 200
    text = Text("查询内容不能为空", "The query must not be empty")


class StorageFullError(TooLargeError):
    """E-QUOTA: the owner's documents take all the room they may."""

    slug = "quota_exceeded"
    code = 413
    http_status = 200
    text = Text("存储空间不足，上限 {n} MB", "Storage quota exceeded, limit {n} MB")

    def __init__(self, limit_mb: int) -> None:
        super().__init__(n=limit_mb)


class QaFileTypeError(InvalidRequestError):
    """A file of a QA base is of another kind."""

    slug = "qa_file_type"
    code = 400
    http_status = 200
    text = Text("QA知识库仅支持CSV或Excel文件: {name}", "A QA base accepts only CSV or Excel files: {name}")

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class QaFileFormatError(InvalidRequestError):
    """A file of a QA base lacks the two columns."""

    slug = "qa_file_format"
    code = 400
    http_status = 200
    text = Text(
        "文件格式错误 {name}: {reason} (QA库要求两列数据: Question, Answer)",
        "Bad file format {name}: {reason} (a QA base needs two columns: Question, Answer)",
    )

    def __init__(self, name: str, reason: Text) -> None:
        super().__init__()
        self.message = Text(
            self.text.fill(reason=reason.zh, name=name).zh, self.text.fill(reason=reason.en, name=name).en
        )


class RetrievalTimeoutError(UpstreamError):
    """A query took longer than it may."""

    slug = "retrieval_timeout"
    code = 504
    http_status = 200
    text = Text("检索超时", "Retrieval timed out")


class KnowledgeModelFailedError(ProviderFailedError):
    """E-MODEL: a model of vectors or a reranker does not answer; the slug is the kind of the failure."""

    code = 502
    http_status = 200
    text = Text("模型调用失败: {reason}", "The model call failed: {reason}")

    def __init__(self, kind: str) -> None:
        super().__init__(cast("FailureKind", kind) if kind in get_args(FailureKind) else "provider_error")
