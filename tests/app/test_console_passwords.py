"""Passwords: signing in with one, being invited, changing it, and guessing it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from ringline.domain import console_limits
from ringline.services.password_hashing import PasswordHashing
from tests.console import Browser, Told, browsing, join_team, link_for, signed_in
from tests.database import TestDatabase
from tests.said import Said
from tests.serving import Service, serving

PASSWORD = "correct horse battery"
OTHER = "staple of another horse"
EMAIL = "ann@example.com"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TRIES = console_limits.TRIES.most


@pytest.fixture(autouse=True)
def fast_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little memory: what a hash costs is the library's own affair."""
    usual = PasswordHashing.__init__

    def init(self: PasswordHashing) -> None:
        usual(self, FAST)

    monkeypatch.setattr(PasswordHashing, "__init__", init)


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[Browser]:
    async with browsing(service) as browser:
        yield browser


async def sign_in(browser: Browser, password: str = PASSWORD, **more: object) -> Told:
    body = {"email": EMAIL, "password": password, **more}
    return await browser.ask("POST", "/sign-in/password", body)


async def invite(owner: Browser, email: str = EMAIL, role: str = "operator") -> str:
    asked = {"email": email, "role": role}
    return (await owner.data("invite_team_member", input=asked))["token"]


async def join(browser: Browser, token: str, password: str = PASSWORD) -> Told:
    body = {"token": token, "name": " Ann ", "password": password}
    return await browser.ask("POST", "/invitations/accept", body)


async def show(browser: Browser, token: str) -> Told:
    return await browser.ask("POST", "/invitations/show", {"token": token})


@pytest.fixture
async def ann(service: Service) -> None:
    """Let Ann join the team with a password."""
    async with signed_in(service) as owner, browsing(service) as browser:
        assert (await join(browser, await invite(owner))).status == 200


async def entries(database: TestDatabase, action: str) -> list[dict[str, Any]]:
    async with database.connection() as superuser:
        rows = await superuser.fetch(
            "SELECT * FROM ringline.audit_entries WHERE action = $1 ORDER BY id", action
        )
    return [dict(row) for row in rows]


async def test_who_is_invited_joins_and_signs_in(
    service: Service, browser: Browser, database: TestDatabase
) -> None:
    assert (await browser.ask("GET", "/hello", headers={})).body["signIn"] == ["password"]
    async with signed_in(service) as owner:
        token = await invite(owner)
        told = await join(browser, token)
        assert told.status == 200
        assert told.body["role"] == "operator"
        assert told.body["user"] | {"id": ""} == {
            "id": "",
            "email": EMAIL,
            "fullName": "Ann",
            "hasPassword": True,
        }
        for wrong in (token, "inv_x", ""):
            told = await join(browser, wrong)
            assert (told.status, told.problem) == (401, "link_spent")
    async with browsing(service) as other:
        assert (await sign_in(other, email=EMAIL.upper())).body["user"]["email"] == EMAIL
    (joined,) = await entries(database, "accept_invitation")
    assert (joined["actor_name"], joined["outcome"]) == ("Ann", "done")
    ways = [entry["fields"] for entry in await entries(database, "sign_in")]
    assert ways == [["link"], ["invitation"], ["password"]]


async def test_an_invitation_is_shown_before_it_is_accepted(
    service: Service, browser: Browser, database: TestDatabase
) -> None:
    async with signed_in(service) as owner:
        replaced, token = await invite(owner), await invite(owner, role="member")
        late = await invite(owner, "late@example.com")
        taken = await invite(owner, "taken@example.com")
    for _ in range(2):  # reading uses nothing up
        told = await show(browser, token)
        assert told.body == {"workspace": {"name": "Test"}, "email": EMAIL, "role": "member"}
        assert told.cookies == ()
    await join_team(database, service, "Taken@example.com", "owner")
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.invitations SET expires_at = now() WHERE email LIKE 'late%'"
        )
    assert (await join(browser, token)).status == 200
    refused = [
        await show(browser, wrong)
        for wrong in (token, replaced, late, taken, "inv_x", "", service.keys.secret_key)
    ]
    assert {told.status for told in refused} == {401}
    assert {told.problem for told in refused} == {"link_spent"}
    assert len({str(told.body) for told in refused}) == 1, "nobody learns which"
    assert (await show(browser, "x" * 5000)).problem == "bad_request"
    own = {"Content-Type": "application/json"}  # as a page of another site may send
    told = await browser.ask("POST", "/invitations/show", {"token": token}, headers=own)
    assert told.problem == "cross_site"


async def test_whoever_is_a_member_already_is_not_taken_over(
    service: Service, browser: Browser, database: TestDatabase
) -> None:
    async with signed_in(service) as owner:
        token = await invite(owner)
    await join_team(database, service, EMAIL, "owner")
    assert (await join(browser, token)).problem == "link_spent"
    assert (await sign_in(browser)).problem == "sign_in_failed"


@pytest.mark.parametrize(
    "password", ["x" * 11, "x" * 257, "ann@example.com", "ANN@EXAMPLE.COM ", "  "]
)
async def test_a_poor_password_is_refused_and_the_invitation_stays(
    service: Service, browser: Browser, password: str
) -> None:
    async with signed_in(service) as owner:
        token = await invite(owner)
    told = await join(browser, token, password)
    assert (told.status, told.problem) == (400, "password_refused")
    assert (await join(browser, token)).status == 200


@pytest.mark.usefixtures("ann")
async def test_a_wrong_password_and_an_unknown_address_are_one_refusal(
    browser: Browser, database: TestDatabase
) -> None:
    refusals = [
        await sign_in(browser, OTHER),
        await sign_in(browser, ""),
        await sign_in(browser, email="eve@example.com"),
    ]
    assert {told.status for told in refusals} == {401}
    assert len({str(told.body) for told in refusals}) == 1
    assert refusals[0].problem == "sign_in_failed"
    tried = [each for each in await entries(database, "sign_in") if each["outcome"] == "refused"]
    assert [entry["actor_kind"] for entry in tried] == ["system", "system"]
    assert {entry["target_kind"] for entry in tried} == {"User"}


@pytest.mark.usefixtures("ann")
async def test_an_unknown_address_costs_what_a_wrong_password_does(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    usual = PasswordHasher.verify

    def verify(self: PasswordHasher, stored: str, password: str) -> bool:
        hashed.append(stored)
        return usual(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for email in (EMAIL, "eve@example.com", "not an address"):
        before = len(hashed)
        assert (await sign_in(browser, OTHER, email=email)).status == 401
        assert len(hashed) == before + 1, email
    parameters = [extract_parameters(stored) for stored in hashed]
    assert parameters == [parameters[0]] * 3


@pytest.mark.usefixtures("ann")
async def test_tries_are_few_and_right_ones_are_free(service: Service) -> None:
    async with browsing(service) as browser:
        for _ in range(TRIES + 3):
            assert (await sign_in(browser)).status == 200
        statuses = Counter([(await sign_in(browser, OTHER)).status for _ in range(TRIES + 3)])
        assert statuses == {401: TRIES, 429: 3}
        told = await sign_in(browser)
        assert (told.status, told.problem) == (429, "rate_limited")
        assert 1 <= int(told.headers["retry-after"]) <= console_limits.TRY_S.most
        assert (await browser.follow(await link_for(service))).status == 200, "a link is a way in"


async def test_who_guesses_keeps_nobody_else_out(database: TestDatabase) -> None:
    async with (
        serving(database, trusted_proxies=["127.0.0.1"], console_allow_plain=True) as service,
        signed_in(service) as owner,
    ):
        async with browsing(service) as browser:
            browser.headers = {"X-Forwarded-For": "198.51.100.1"}
            assert (await join(browser, await invite(owner))).status == 200
        async with browsing(service) as guesser:

            async def guess(number: int) -> int:
                return (
                    await guesser.ask(
                        "POST",
                        "/sign-in/password",
                        {"email": f"{number}@example.com", "password": OTHER},
                        headers={**guesser.own, "X-Forwarded-For": f"203.0.113.{number % 200}"},
                    )
                ).status

            guesses = asyncio.gather(*(guess(number) for number in range(1_000)))
            async with browsing(service) as browser:
                browser.headers = {"X-Forwarded-For": "198.51.100.1"}
                assert (await sign_in(browser)).status == 200
            statuses = Counter(await guesses)
        assert statuses[401] <= TRIES
        assert set(statuses) <= {401, 429, 503}


@pytest.mark.usefixtures("ann")
async def test_several_workspaces_are_offered_for_a_choice(
    service: Service, browser: Browser
) -> None:
    other = await service.admin.workspaces.create("Other")
    async with browsing(service) as owner:
        await owner.follow(await link_for(service, workspace_id=other.workspace_id))
        token = await invite(owner, role="member")
    async with browsing(service) as joining:
        assert (await join(joining, token)).status == 200
    told = await sign_in(browser)
    assert (told.status, told.problem) == (409, "choose_workspace")
    assert told.cookies == ()
    assert [row["name"] for row in told.body["workspaces"]] == ["Test", "Other"]
    for row in told.body["workspaces"]:
        chosen = await sign_in(browser, workspaceId=row["id"])
        assert chosen.body["workspace"] == row
    assert (await sign_in(browser, workspaceId="x")).status == 400


@pytest.mark.usefixtures("ann")
async def test_a_changed_password_ends_the_other_sign_ins(
    service: Service, database: TestDatabase
) -> None:
    async with browsing(service) as here, browsing(service) as there:
        for browser in (here, there):
            assert (await sign_in(browser)).status == 200
        for old in (None, OTHER, ""):
            told = await here.ask("PATCH", "/me", {"password": {"old": old, "new": OTHER}})
            assert (told.status, told.problem) == (400, "password_refused")
        told = await here.ask("PATCH", "/me", {"password": {"old": PASSWORD, "new": "short"}})
        assert (told.status, told.problem) == (400, "password_refused")
        assert (await there.ask("GET", "/me", headers={})).status == 200
        told = await here.ask("PATCH", "/me", {"password": {"old": PASSWORD, "new": OTHER}})
        assert told.status == 200
        assert (await here.ask("GET", "/me", headers={})).status == 200
        assert (await there.ask("GET", "/me", headers={})).status == 401
        assert (await sign_in(there)).problem == "sign_in_failed"
        assert (await sign_in(there, OTHER)).status == 200
    (changed,) = await entries(database, "change_password")
    assert (changed["actor_name"], changed["target_name"]) == ("Ann", EMAIL)


async def test_who_came_by_a_link_sets_a_first_password(service: Service) -> None:
    async with signed_in(service) as browser:
        told = await browser.ask("PATCH", "/me", {"password": {"old": None, "new": PASSWORD}})
        assert (told.status, told.body["user"]["hasPassword"]) == (200, True)
        told = await browser.ask("PATCH", "/me", {"password": {"old": None, "new": OTHER}})
        assert told.problem == "password_refused"
        assert (await sign_in(browser, email="owner@localhost")).status == 200


async def test_guesses_of_the_old_password_are_few(service: Service) -> None:
    async with signed_in(service) as browser:
        body = {"password": {"old": None, "new": PASSWORD}}
        assert (await browser.ask("PATCH", "/me", body)).status == 200
        body = {"password": {"old": OTHER, "new": PASSWORD}}
        statuses = [(await browser.ask("PATCH", "/me", body)).status for _ in range(TRIES + 1)]
        assert statuses[-1] == 429


async def test_without_passwords_there_are_links_alone(database: TestDatabase) -> None:
    async with (
        serving(database, console_passwords=False) as service,
        signed_in(service) as owner,
        browsing(service) as browser,
    ):
        assert (await browser.ask("GET", "/hello", headers={})).body["signIn"] == []
        assert (await sign_in(browser)).status == 404
        token = await invite(owner)
        assert (await show(browser, token)).status == 404
        assert (await join(browser, token)).status == 404
        told = await owner.ask("PATCH", "/me", {"password": {"old": None, "new": PASSWORD}})
        assert told.status == 404


@pytest.mark.usefixtures("ann")
async def test_no_password_is_said(service: Service, browser: Browser, said: Said) -> None:
    await sign_in(browser)
    await sign_in(browser, OTHER)
    await browser.ask("POST", "/sign-in/password", {"email": EMAIL, "password": [PASSWORD]})
    await browser.ask("PATCH", "/me", {"password": {"old": PASSWORD, "new": OTHER}})
    text = said.text()
    assert "signed_in" in text
    assert "sign_in_refused" in text
    for secret in (PASSWORD, OTHER, EMAIL, "$argon2"):
        assert secret not in text
