"""How claims are read, without a provider (platform.md 5.3, 5.4)."""

from typing import Any

import pytest

from clary.features.upstream_login.errors import SubjectMissingError
from clary.features.upstream_login.policy import (
    cookies_to_drop,
    find_claim,
    is_admin,
    names_in,
    our_groups,
    read_person,
)
from clary.features.upstream_login.ports import Evidence, Provider
from support.house import START


def person(provider: Provider, **claims: Any) -> Any:
    return read_person(provider, Evidence({"sub": "s", **claims}))


def provider(**values: Any) -> Provider:
    return Provider(id="corp", client_id="c", **values)


def test_dots_step_into_objects_and_a_claim_with_dots_in_its_name_comes_first() -> None:
    claims = {"a": {"b": {"c": 1}}, "https://x.example/groups": ["g"], "a.b": "whole"}
    assert find_claim(claims, "a.b.c") == 1
    assert find_claim(claims, "a.b") == "whole"
    assert find_claim(claims, "https://x.example/groups") == ["g"]
    assert find_claim(claims, "a.c.d") is None
    assert find_claim({"a": "text"}, "a.b") is None


@pytest.mark.parametrize(("sent", "read"), [("x", "x"), (7, "7"), (["", "y"], "y"), (" kept ", " kept ")])
def test_a_subject_is_a_text_or_a_number_as_it_was_sent(sent: Any, read: str) -> None:
    assert person(provider(), sub=sent).subject == read


@pytest.mark.parametrize("sent", [None, "", "  ", True, 1.5, {}, [], "x" * 256])
def test_nothing_else_is_a_subject(sent: Any) -> None:
    with pytest.raises(SubjectMissingError):
        person(provider(), sub=sent)


def test_of_a_list_the_first_value_that_is_not_empty_counts() -> None:
    found = person(provider(), name=["", " Ada "], email=["ADA@Example.org"], picture=[])
    assert (found.nickname, found.email, found.avatar_url) == ("Ada", "ada@example.org", None)


def test_names_are_bounded_and_texts_only() -> None:
    assert names_in(["a", " a ", "", 7, None, ["b"], {"c": 1}, "x" * 256]) == ("a",)
    assert names_in("one, two") == ("one, two",)
    assert names_in({"a": 1}) == ()
    assert len(names_in([str(number) for number in range(10_000)])) == 1000


def test_an_address_is_verified_by_a_true_flag_or_a_trusted_provider_only() -> None:
    assert person(provider(), email="a@b.c").verified_email is None
    assert person(provider(), email="a@b.c", email_verified="True").verified_email is None
    assert person(provider(), email="a@b.c", email_verified="true").verified_email == "a@b.c"
    assert person(provider(trusts_email=True), email="a@b.c").verified_email == "a@b.c"
    assert person(provider(trusts_email=True), email="a@@b.c").verified_email is None


def test_with_a_list_of_addresses_the_flag_of_the_claims_says_nothing() -> None:
    emails = ({"email": "a@b.c", "primary": True, "verified": "true"},)
    found = read_person(provider(), Evidence({"sub": "s", "email": "x@b.c", "email_verified": True}, emails=emails))
    assert (found.email, found.is_email_verified) == ("x@b.c", False)


@pytest.mark.parametrize(
    ("values", "claims", "expected"),
    [
        ({"role_claim": "roles"}, {"roles": ["x", "admin"]}, True),
        ({"role_claim": "roles"}, {"roles": "administrator"}, False),
        ({"role_claim": "role", "admin_values": ("root",)}, {"role": "root"}, True),
        ({}, {"roles": ["admin"], "role": "admin"}, False),
        ({"groups_claim": "g", "admin_groups": ("it",)}, {"g": ["it"]}, True),
        ({"admin_emails": ("a@b.c",)}, {"email": "A@b.c", "email_verified": True}, True),
        ({"admin_emails": ("a@b.c",)}, {"email": "a@b.c"}, False),
        ({"admin_subjects": ("s",)}, {}, True),
        ({"admin_subjects": ("S",)}, {}, False),
    ],
)
def test_the_role_comes_from_values_groups_verified_address_or_subject(
    values: dict[str, Any], claims: dict[str, Any], expected: bool
) -> None:
    entry = provider(**values)
    assert is_admin(entry, person(entry, **claims)) is expected


def test_groups_are_translated_and_unknown_ones_count_where_they_may_be_made() -> None:
    values = {"groups_claim": "g", "group_map": {"eng": "Engineering"}}
    assert our_groups(provider(), person(provider(), g=["eng"])) is None
    mapped, making = provider(**values), provider(**values, creates_groups=True)
    assert our_groups(mapped, person(mapped, g=["eng", "else"])) == ("Engineering",)
    assert our_groups(making, person(making, g=["eng", "else"])) == ("Engineering", "else")
    assert our_groups(mapped, person(mapped)) == ()


def test_cookies_of_ended_flows_go_first() -> None:
    beginnings = {"b": START, "c": START, "d": START, "e": START}
    assert cookies_to_drop(["b", "c", "d", "e"], beginnings) == []
    assert cookies_to_drop(["b", "c", "gone", "d", "e"], beginnings) == ["gone"]
