"""Sign-in and users (platform.md 4.6–4.8), with the compatibility paths as aliases of one implementation."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response

from clary.features.accounts.guards import SESSION_COOKIE, request_origin, set_session_cookies
from clary.features.accounts.payloads import (
    ChangePasswordRequest,
    ConfigRequest,
    LoginRequest,
    ProfileRequest,
    RefreshRequest,
    RegisterRequest,
    ResetPasswordRequest,
    SendCodeRequest,
    UserAddRequest,
    UserDeleteRequest,
    UserUpdateRequest,
)
from clary.features.accounts.service import (
    AccountService,
    NewUser,
    OwnAccount,
    Registration,
    SignIn,
    Tokens,
    UserAdministration,
    UserDeletion,
    Wanted,
    claims,
)
from clary.features.audit.service import Actor
from clary.features.permissions.guards import CurrentUser, MaybeUser
from clary.http.access import needs, public
from clary.http.cookies import clear_cookie
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.problems import NotSignedInError, RoleMissingError
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api", "accounts")
Json = dict[str, Any]


async def _accounts(request: Request) -> AccountService:
    return request.app.state.accounts


async def _sign_in(request: Request) -> SignIn:
    return request.app.state.sign_in


async def _registration(request: Request) -> Registration:
    return request.app.state.registration


async def _administration(request: Request) -> UserAdministration:
    return request.app.state.user_administration


async def _deletion(request: Request) -> UserDeletion:
    return request.app.state.user_deletion


async def _own(request: Request) -> OwnAccount:
    return request.app.state.own_account


async def _require_open(registration: Annotated[Registration, Depends(_registration)]) -> None:
    """Told before anything of the body is looked at (platform.md 1.1)."""
    registration.require_open()


async def _require_local(sign_in: Annotated[SignIn, Depends(_sign_in)]) -> None:
    """Told before anything of the body is looked at (platform.md 1.1)."""
    sign_in.require_local()


OPEN = [Depends(_require_open)]
LOCAL = [Depends(_require_local)]
Accounts = Annotated[AccountService, Depends(_accounts)]
SignInService = Annotated[SignIn, Depends(_sign_in)]
Registering = Annotated[Registration, Depends(_registration)]
Administration = Annotated[UserAdministration, Depends(_administration)]
Deletion = Annotated[UserDeletion, Depends(_deletion)]
Own = Annotated[OwnAccount, Depends(_own)]


@router.post("/auth/register/send-code", summary="Send a code by mail", openapi_extra=public(), dependencies=OPEN)
@router.post(
    "/user/register/send-code", summary="Send a code by mail (alias)", openapi_extra=public(), dependencies=OPEN
)
async def send_code(body: SendCodeRequest, request: Request, registration: Registering) -> Envelope[Json]:
    """The same answer whether the address is known or not."""
    life, wait = await registration.send_code(email=body.email, address=request.state.peer.address)
    return answer({"expires_in": life, "retry_after": wait}, Text("验证码发送成功", "Verification code sent"))


@router.post("/auth/register", summary="Register", openapi_extra=public(), dependencies=OPEN)
@router.post("/user/register", summary="Register (alias)", openapi_extra=public(), dependencies=OPEN)
async def register(body: RegisterRequest, request: Request, registration: Registering) -> Envelope[Json]:
    """Makes an account with a mailed code; does not sign in."""
    wanted = Wanted(body.username, body.password, body.email, body.phonenum, body.verification_code)
    user_id = await registration.register(wanted, address=request.state.peer.address)
    return answer({"user_id": user_id}, Text("注册成功", "Registered"))


@router.post("/auth/login", summary="Sign in", openapi_extra=public(sets_cookie=True), dependencies=LOCAL)
@router.post("/user/login", summary="Sign in (alias)", openapi_extra=public(sets_cookie=True), dependencies=LOCAL)
async def login(body: LoginRequest, request: Request, response: Response, sign_in: SignInService) -> Envelope[Json]:
    """Checks name or e-mail and password; sets the session cookie and gives tokens."""
    signed = await sign_in.login(account=body.username_or_email, password=body.password, origin=request_origin(request))
    set_session_cookies(request, response, signed)
    return answer(_tokens(signed.tokens), Text("登录成功", "Signed in"))


# Not `sets_cookie`: the cookie stays untouched (4.6), so another page gains nothing by calling this.
@router.post("/auth/refresh", summary="New tokens", openapi_extra=public())
@router.post("/user/refresh-token", summary="New tokens (alias)", openapi_extra=public())
async def refresh(body: RefreshRequest, request: Request, sign_in: SignInService) -> Envelope[Json]:
    """A new pair for a refresh token, which is spent by it."""
    tokens = await sign_in.refresh(refresh_token=body.refresh_token, address=request.state.peer.address)
    return answer(_tokens(tokens), Text("刷新成功", "Token refreshed"))


@router.get("/auth/session", summary="Who am I", openapi_extra=needs("read", any_token=True))
@router.get("/user/check_login", summary="Who am I (alias)", openapi_extra=needs("read", any_token=True))
async def read_session(user: CurrentUser, accounts: Accounts, db: ReadUnit) -> Envelope[Json]:
    """UserInfoResponse, read from the database."""
    data = await accounts.describe_session(db, identity=user)
    return answer(data, Text("登录成功", "Signed in"))


# Not `sets_cookie`: identity is judged before the origin, and without one every call is 401 and clears the cookie.
@router.post("/auth/logout", summary="Sign out", openapi_extra=public())
@router.post("/user/logout", summary="Sign out (alias)", openapi_extra=public())
async def logout(
    request: Request, response: Response, user: MaybeUser, sign_in: SignInService, db: UnitOfWork
) -> Envelope[Json]:
    """Ends the session and clears the cookie; an anonymous call answers 401 and clears it as well."""
    if user is not None and not user.is_interactive:
        raise RoleMissingError
    clear_cookie(request, response, SESSION_COOKIE)
    if user is None:
        fault = NotSignedInError(getattr(request.state, "identity_fault", None))
        fault.headers["Set-Cookie"] = response.headers["set-cookie"]
        raise fault
    data = await sign_in.logout(db, identity=user, peer_origin=request.state.peer.origin)
    return answer(data, Text("退出成功", "Signed out"))


@router.post("/user/change-password", summary="Change own password", openapi_extra=needs("write", interactive=True))
async def change_password(
    body: ChangePasswordRequest, request: Request, user: CurrentUser, accounts: Accounts
) -> Envelope[Json]:
    """Ends every other session of the user; this one stays."""
    await accounts.change_password(
        identity=user, old=body.old_password, new=body.new_password, address=request.state.peer.address
    )
    return answer(Json(), Text("密码修改成功", "Password changed"))


@router.get("/user/config", summary="Read own settings", openapi_extra=needs("read"))
async def read_config(user: CurrentUser, accounts: Accounts, db: ReadUnit) -> Envelope[Json]:
    """What clients stored for this user."""
    data = {"config": await accounts.read_config(db, identity=user)}
    return answer(data, Text("获取配置成功", "Settings loaded"))


@router.post("/user/config", summary="Merge own settings", openapi_extra=needs("write"))
async def merge_config(body: ConfigRequest, user: CurrentUser, accounts: Accounts, db: UnitOfWork) -> Envelope[Json]:
    """Merges by top-level key in one write."""
    data = {"config": await accounts.merge_config(db, identity=user, config=body.config)}
    return answer(data, Text("更新配置成功", "Settings saved"))


@router.get("/user/options", summary="User selector", openapi_extra=needs("read"))
async def list_options(
    user: CurrentUser, accounts: Accounts, db: ReadUnit, q: Annotated[str | None, Query(max_length=200)] = None
) -> Envelope[list[Json]]:
    """Active users by name, as far as the directory is open to the caller."""
    data = await accounts.list_options(db, identity=user, text=q)
    return answer(data, Text("获取用户列表成功", "Users loaded"))


@router.get("/user/list", summary="List users", openapi_extra=needs("admin"))
async def list_users(
    user: CurrentUser,
    accounts: Accounts,
    db: ReadUnit,
    page: PageOf20,
    q: Annotated[str | None, Query(max_length=200)] = None,
    role: Literal["user", "admin"] | None = None,
    status: Literal["active", "disabled"] | None = None,
) -> Envelope[Json]:
    """All users for admins, newest first."""
    return answer(await accounts.list_page(db, page=page, text=q, role=role, status=status))


@router.post("/user/add", summary="Add a user", openapi_extra=needs("admin", interactive=True))
async def add_user(body: UserAddRequest, user: CurrentUser, accounts: Accounts) -> Envelope[Json]:
    """Makes a user with a password."""
    wanted = NewUser(body.username, body.password, body.email, body.phonenum, body.nickname, body.role)
    user_id = await accounts.add_user(wanted, by=Actor.of(user))
    return answer({"user_id": user_id}, Text("用户添加成功", "User added"))


@router.post("/user/update", summary="Change a user", openapi_extra=needs("admin"))
async def update_user(body: UserUpdateRequest, user: CurrentUser, administration: Administration) -> Envelope[Json]:
    """Changes what was sent; role and lock only by a person, not by a key or token."""
    if (body.role is not None or body.disabled is not None) and not user.is_interactive:
        raise RoleMissingError
    await administration.update(user_id=body.user_id, fields=body.sent(), by=Actor.of(user))
    return answer({"user_id": body.user_id}, Text("用户更新成功", "User updated"))


@router.post("/user/reset-password", summary="Set a user's password", openapi_extra=needs("admin", interactive=True))
async def reset_password(
    body: ResetPasswordRequest, user: CurrentUser, administration: Administration
) -> Envelope[Json]:
    """Ends every session of the user; a generated password is shown this once."""
    made = await administration.reset_password(user_id=body.user_id, password=body.new_password, by=Actor.of(user))
    return answer({"password": made} if made else Json(), Text("密码重置成功", "Password reset"))


@router.post("/user/delete", summary="Delete a user", openapi_extra=needs("admin", interactive=True))
async def delete_user(body: UserDeleteRequest, user: CurrentUser, deletion: Deletion) -> Envelope[Json]:
    """Locks the user out at once; what they keep goes, or is handed on, in the background."""
    await deletion.delete(user_id=body.user_id, mode=body.objects, transfer_to=body.transfer_to, by=Actor.of(user))
    return answer(Json(), Text("用户删除成功", "User deleted"))


@router.put("/user/profile", summary="Change own profile", openapi_extra=needs("write", interactive=True))
async def update_profile(body: ProfileRequest, user: CurrentUser, own: Own, db: UnitOfWork) -> Envelope[Json]:
    """Nickname, phone number and avatar; nothing else can be changed here."""
    row = await own.update_profile(db, identity=user, fields=body.sent())
    return answer(claims(row), Text("资料更新成功", "Profile saved"))


@router.get("/user/sessions", summary="List own login sessions", openapi_extra=needs("read", interactive=True))
async def list_sessions(user: CurrentUser, own: Own, db: ReadUnit) -> Envelope[list[Json]]:
    """Where the caller is signed in."""
    return answer(await own.list_sessions(db, identity=user))


@router.delete("/user/sessions", summary="End other login sessions", openapi_extra=needs("write", interactive=True))
async def end_other_sessions(user: CurrentUser, own: Own, db: UnitOfWork) -> Envelope[Json]:
    """Ends all but the present one."""
    return answer({"ended": await own.end_other_sessions(db, identity=user)})


@router.delete("/user/sessions/{id}", summary="End a login session", openapi_extra=needs("write", interactive=True))
async def end_session(id: str, user: CurrentUser, own: Own, db: UnitOfWork) -> Envelope[Json]:
    """Ends one of the caller's."""
    await own.end_session(db, identity=user, session_id=id)
    return answer(Json())


@router.get("/user/identities", summary="List linked identities", openapi_extra=needs("read", interactive=True))
async def list_identities(user: CurrentUser, own: Own, db: ReadUnit) -> Envelope[list[Json]]:
    """The caller as other services know them."""
    return answer(await own.list_identities(db, identity=user))


@router.delete(
    "/user/identities/{provider_id}", summary="Unlink an identity", openapi_extra=needs("write", interactive=True)
)
async def unlink_identity(provider_id: str, user: CurrentUser, own: Own, db: UnitOfWork) -> Envelope[Json]:
    """Another way to sign in must remain."""
    await own.unlink(db, identity=user, provider_id=provider_id)
    return answer(Json())


def _tokens(tokens: Tokens) -> Json:
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in,
    }
