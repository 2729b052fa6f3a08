"""What can be refused about releases (platform.md 11).

ProblemError
├── InvalidRequestError  ReleaseInvalidError, SourceUnsetError
├── NotFoundError        ReleaseNotFoundError, NoReleaseError
├── ConflictError        ReleaseExistsError
└── UpstreamError        SourceFailedError
"""

from clary.errors import ConflictError, InvalidRequestError, NotFoundError, UpstreamError
from clary.kit.text import Text

_NONE = Text("未找到版本", "No version found")


class ReleaseNotFoundError(NotFoundError):
    """No release of this version."""

    slug = "release_not_found"
    code = 404
    http_status = 200
    text = _NONE


class NoReleaseError(NotFoundError):
    """Nothing to offer to an updater, which understands statuses and no envelope."""

    slug = "release_not_found"
    code = 404
    http_status = 404
    text = _NONE


class ReleaseExistsError(ConflictError):
    """There is a release of this version."""

    slug = "release_exists"
    code = 400
    http_status = 200
    problem_status = 409
    text = Text("版本已存在", "Version already exists")


class ReleaseInvalidError(InvalidRequestError):
    """No semantic version."""

    slug = "release_invalid"
    code = 400
    http_status = 200
    text = Text("版本号不合法", "Version is not valid")


class SourceUnsetError(InvalidRequestError):
    """The operator named no repository."""

    slug = "github_unset"
    code = 400
    http_status = 200
    text = Text("未配置 GitHub 仓库", "No GitHub repository is configured")


class SourceFailedError(UpstreamError):
    """The repository could not be read, or has no release."""

    slug = "github_failed"
    code = 500
    http_status = 200
    problem_status = 502
    text = Text("从 GitHub 获取版本失败", "Failed to fetch from GitHub")
