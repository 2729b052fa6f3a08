"""Refusals of accounts (platform.md 4.8)."""

from clary.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    UnauthenticatedError,
)
from clary.kit.text import Text


class InvalidCredentialsError(InvalidRequestError):
    """Unknown account, wrong password, or a disabled account with a wrong password: all alike."""

    slug = "invalid_credentials"
    code = 400
    http_status = 200
    problem_status = 401
    text = Text("用户名或密码错误", "Wrong user name or password")


class LoginThrottledError(LimitExceededError):
    """Too many failures; the password was not looked at."""

    slug = "login_throttled"
    code = 429
    http_status = 200
    text = Text("登录尝试过于频繁，请 {n} 秒后重试", "Too many sign-in attempts, try again in {n} seconds")

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_seconds)}, n=retry_after_seconds)


class AccountDisabledError(ForbiddenError):
    """The right password of a disabled account."""

    slug = "account_disabled"
    code = 403
    http_status = 200
    text = Text("账号已被禁用", "Account is disabled")


class RefreshReusedError(UnauthenticatedError):
    """A spent refresh token came again; its session is over."""

    slug = "refresh_reused"
    code = 401
    http_status = 401
    text = Text("登录过期", "Login expired")

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class NoLocalPasswordError(InvalidRequestError):
    """The account signs in elsewhere only."""

    slug = "no_local_password"
    code = 400
    http_status = 200
    text = Text("该账号没有本地密码", "This account has no local password")


class WrongOldPasswordError(InvalidRequestError):
    """The present password was not given."""

    slug = "wrong_old_password"
    code = 400
    http_status = 200
    text = Text("旧密码错误", "Old password is wrong")


class UsernameInvalidError(InvalidRequestError):
    """Not 1..64 letters, digits, `_`, `.` or `-`."""

    slug = "username_invalid"
    code = 400
    http_status = 200
    text = Text("用户名格式不正确", "User name is not valid")


class UsernameTakenError(ConflictError):
    """Somebody has this name, ignoring case and width."""

    slug = "username_taken"
    code = 409
    http_status = 200
    text = Text("用户名已存在", "User name already exists")


class EmailInvalidError(InvalidRequestError):
    """Not one `@` with something on both sides."""

    slug = "email_invalid"
    code = 400
    http_status = 200
    text = Text("邮箱格式不正确", "E-mail address is not valid")


class EmailTakenError(ConflictError):
    """Somebody has this address."""

    slug = "email_taken"
    code = 409
    http_status = 200
    text = Text("邮箱已存在", "E-mail address already exists")


class PasswordTooShortError(InvalidRequestError):
    """Fewer than 8 characters, or only blanks."""

    slug = "password_too_short"
    code = 400
    http_status = 200
    text = Text("密码至少需要 8 个字符", "Password needs at least 8 characters")


class PasswordIsNameError(InvalidRequestError):
    """The password is the user name or the e-mail address."""

    slug = "password_is_name"
    code = 400
    http_status = 200
    text = Text("密码不能与用户名或邮箱相同", "Password must differ from user name and e-mail")


class UserNotFoundError(NotFoundError):
    """No user of this id or name."""

    slug = "user_not_found"
    code = 404
    http_status = 200
    text = Text("用户不存在", "User not found")


class LastAdminError(ConflictError):
    """Nobody could administer the server any more."""

    slug = "last_admin"
    code = 409
    http_status = 200
    text = Text("至少需要保留一个启用的管理员", "At least one active administrator must remain")


class IdentityTakenError(ConflictError):
    """The identity is linked to somebody else."""

    slug = "identity_taken"
    code = 409
    http_status = 409
    text = Text("该身份已绑定其他账号", "This identity is linked to another account")


class IdentityEmailTakenError(ConflictError):
    """Somebody else has the e-mail address that came with an identity."""

    slug = "identity_email_taken"
    code = 409
    http_status = 409
    text = Text(
        "该邮箱已属于其他账号，请先登录该账号再绑定",
        "This e-mail belongs to another account; sign in there and link it",
    )


class IdentityNotFoundError(NotFoundError):
    """No identity of this provider is linked."""

    slug = "identity_not_found"
    code = 404
    http_status = 200
    text = Text("绑定不存在", "No such linked identity")


class LastCredentialError(ConflictError):
    """Nothing to sign in with would be left."""

    slug = "last_credential"
    code = 409
    http_status = 200
    text = Text("至少需要保留一种登录方式", "At least one way to sign in must remain")


class AdminProtectedError(ForbiddenError):
    """Administrators are not deleted, and nobody deletes themselves."""

    slug = "admin_protected"
    code = 403
    http_status = 200
    text = Text("无法删除管理员用户", "Administrators cannot be deleted; take the role away first")


class LoginSessionNotFoundError(NotFoundError):
    """No such login session of the caller."""

    slug = "session_not_found"
    code = 404
    http_status = 200
    text = Text("登录会话不存在", "Login session not found")
