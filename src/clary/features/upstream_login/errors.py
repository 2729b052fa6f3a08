"""Refusals of upstream login (platform.md 5). They are plain HTTP errors: a browser sees a redirect instead."""

from clary.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    UpstreamError,
)
from clary.kit.text import Text


class ProviderUnknownError(NotFoundError):
    """No such provider, or none at all in this mode."""

    slug = "oauth_provider_unknown"
    code = 404
    http_status = 404
    text = Text("OAuth Provider 不存在", "No such sign-in provider")


class NoProviderError(NotFoundError):
    """There is no default provider."""

    slug = "no_oauth_provider"
    code = 404
    http_status = 404
    text = Text("未配置可用的 OAuth Provider", "No sign-in provider is configured")


class RedirectUriError(InvalidRequestError):
    """A callback address that is not ours."""

    slug = "redirect_uri_invalid"
    code = 400
    http_status = 400
    text = Text("OAuth 回调地址非法", "Callback address not allowed")


class FlowExpiredError(InvalidRequestError):
    """Unknown, used, or older than ten minutes."""

    slug = "oauth_flow_expired"
    code = 400
    http_status = 400
    text = Text("OAuth 登录状态已失效", "This sign-in has expired, please start again")


class StateInvalidError(InvalidRequestError):
    """Another browser's flow, or an answer of another issuer."""

    slug = "oauth_state_invalid"
    code = 400
    http_status = 400
    text = Text("OAuth 登录状态校验失败", "This sign-in could not be verified")


class ProviderMismatchError(InvalidRequestError):
    """The flow began with another provider."""

    slug = "oauth_provider_mismatch"
    code = 400
    http_status = 400
    text = Text("OAuth Provider 不匹配", "Sign-in provider does not match")


class MetadataUnavailableError(UpstreamError):
    """The provider does not say where its endpoints and keys are."""

    slug = "oauth_metadata_unavailable"
    code = 502
    http_status = 502
    text = Text("获取 OAuth Provider 元数据失败", "Sign-in provider does not answer")


class MetadataIncompleteError(UpstreamError):
    """The provider's document lacks something, or is another issuer's."""

    slug = "oauth_metadata_incomplete"
    code = 500
    http_status = 500
    text = Text("OAuth Provider 元数据不完整", "Metadata of the sign-in provider is incomplete")


class DeniedError(InvalidRequestError):
    """The person said no at the provider."""

    slug = "oauth_denied"
    code = 400
    http_status = 400
    text = Text("登录已取消", "Sign-in was cancelled")


class ProviderReportedError(UpstreamError):
    """Any other error of the provider; its text is never shown."""

    slug = "oauth_upstream_error"
    code = 502
    http_status = 502
    text = Text("上游登录失败", "The sign-in provider reported an error")


class ExchangeFailedError(InvalidRequestError):
    """No tokens for the code."""

    slug = "oauth_exchange_failed"
    code = 400
    http_status = 400
    text = Text("OAuth Token 交换失败", "Code could not be exchanged")


class TokenInvalidError(InvalidRequestError):
    """The id_token, or what userinfo says about its subject, cannot be trusted."""

    slug = "oauth_token_invalid"
    code = 400
    http_status = 400
    text = Text("OAuth 身份令牌校验失败", "Identity token is not valid")


class UserinfoFailedError(UpstreamError):
    """Userinfo, or the list of addresses, could not be read."""

    slug = "oauth_userinfo_failed"
    code = 502
    http_status = 502
    text = Text("从 OAuth Provider 获取用户信息失败", "User data could not be read")


class SubjectMissingError(InvalidRequestError):
    """Nothing usable names the person."""

    slug = "oauth_subject_missing"
    code = 400
    http_status = 400
    text = Text("OAuth 用户信息缺少 subject", "User data has no subject")


class SignupNotAllowedError(ForbiddenError):
    """Neither known nor allowed to become so; or outside of the allowed domains and groups."""

    slug = "signup_not_allowed"
    code = 403
    http_status = 403
    text = Text("该账号不允许登录", "This account may not sign in here")


class DisabledError(ForbiddenError):
    """The user behind an identity is disabled (the text of platform.md 4.8, with the status of 5.4)."""

    slug = "account_disabled"
    code = 403
    http_status = 403
    text = Text("账号已被禁用", "Account is disabled")
