"""What can be refused about providers.

ProblemError
├── NotFoundError        ProviderNotFoundError, NamedProviderNotFoundError
├── ConflictError        ProviderIsDefaultError, ProviderLimitError
├── ForbiddenError       ProviderIsSystemError
├── InvalidRequestError  ProviderKeyRequiredError, ProviderMissingError
└── UpstreamError        ProviderFailedError ── VerifyFailedError
"""

from clary.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, UpstreamError
from clary.kit.text import Text, same
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.model import FailureKind

_NOT_FOUND = same("Provider not found")


class ProviderNotFoundError(NotFoundError):
    """An unknown or foreign id on a provider route."""

    slug = "provider_not_found"
    code = 500
    http_status = 200
    problem_status = 404
    text = _NOT_FOUND


class NamedProviderNotFoundError(NotFoundError):
    """An unknown or foreign provider that an agent or a request names (product.md 1.2, E-PROVIDER)."""

    slug = "provider_not_found"
    code = 404
    http_status = 200
    text = _NOT_FOUND


class ProviderMissingError(InvalidRequestError):
    """Nothing is left that a run could use (product.md 1.2, E-PROVIDER)."""

    slug = "provider_missing"
    code = 400
    http_status = 200
    text = Text("当前用户未配置可用的模型提供商", "No usable model provider is configured")


class ProviderIsDefaultError(ConflictError):
    """`system-default`, or its owner's default row, cannot be deleted."""

    slug = "provider_is_default"
    code = 500
    http_status = 200
    problem_status = 409
    text = same("Cannot delete default provider")


class ProviderIsSystemError(ForbiddenError):
    """A system row, seen by somebody who may not change it."""

    slug = "provider_is_system"
    code = 500
    http_status = 200
    problem_status = 403
    text = same("Cannot modify system default provider")


class ProviderKeyRequiredError(InvalidRequestError):
    """A stored key stays with its origin, so another origin needs a new one."""

    slug = "provider_key_required"
    code = 400
    http_status = 200
    text = Text("更换服务地址时必须重新填写 API Key", "A new key is needed when the address changes")


class ProviderLimitError(ConflictError):
    """As many own rows as one person may have."""

    slug = "provider_limit"
    code = 409
    http_status = 200
    text = Text("模型提供商数量已达上限", "Too many providers")


class ProviderFailedError(UpstreamError):
    """A call of a model failed; the slug is the kind of the failure. Leaves state codes and a text with `{reason}`."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__()
        self.kind: FailureKind = kind
        reason = KIND_TEXTS[kind]
        self.message = Text(self.text.fill(reason=reason.zh).zh, self.text.fill(reason=reason.en).en)

    @property
    def slug(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One refusal with many slugs: the contract says that the slug is the kind."""
        return self.kind


class VerifyFailedError(ProviderFailedError):
    """A provider did not pass (platform.md 8.3)."""

    code = 500
    http_status = 200
    problem_status = 502
    text = Text("验证失败: {reason}", "Verification failed: {reason}")
