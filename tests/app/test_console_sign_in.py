"""Signing in to the console: links, the cookie, https, pages of other origins, devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from uuid import uuid4

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from ringline.domain import console_limits
from ringline.web.console_door import COOKIE, HEADER, SECURE_COOKIE, origin_of_url
from ringline.web.console_routes import API, ROUTES, ConsoleRoute
from tests.console import Browser, Told, browsing, join_team, link_for, signed_in
from tests.database import TestDatabase
from tests.said import Said
from tests.serving import Service, serving

PUBLIC = "https://voice.example/gate"

#: So many connections race at once; those that follow wait in line on them.
RACING = 250


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[Browser]:
    async with browsing(service) as browser:
        yield browser


async def test_a_link_signs_the_first_owner_in(service: Service, browser: Browser) -> None:
    told = await browser.follow(await link_for(service))
    assert told.status == 200
    assert told.body["user"]["email"] == "owner@localhost"
    assert told.body["user"]["fullName"] is None
    assert told.body["user"]["hasPassword"] is False
    assert told.body["workspace"] == {"id": str(service.keys.workspace_id), "name": "Test"}
    assert told.body["environments"] == ["live", "test"]
    assert told.body["role"] == "owner"
    assert {"end_call", "invite_team_member", "hear_recordings"} <= set(told.body["can"])
    assert told.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in told.headers
    me = await browser.ask("GET", "/me", headers={})
    assert (me.status, me.body["user"]) == (200, told.body["user"])


async def test_the_cookie_is_kept_from_scripts_and_other_pages(
    service: Service, browser: Browser
) -> None:
    told = await browser.follow(await link_for(service))
    cookie = SimpleCookie(told.cookies[0])[COOKIE]
    assert len(cookie.value) == 43
    assert cookie["path"] == API
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Strict", "")
    assert cookie["domain"] == ""
    assert cookie["max-age"] == str(168 * 3600)
    assert cookie.value not in str(told.body)


async def test_a_link_is_followed_once(service: Service, browser: Browser) -> None:
    token = await link_for(service)
    assert (await browser.follow(token)).status == 200
    for wrong in (token, "x" * 43, "", token[:-1]):
        told = await browser.follow(wrong)
        assert (told.status, told.problem) == (401, "link_spent")
        assert told.cookies == ()


async def test_of_a_thousand_who_follow_a_link_at_once_one_gets_in(database: TestDatabase) -> None:
    async with (
        serving(database, trusted_proxies=["127.0.0.1"], console_allow_plain=True) as service,
        aiohttp.TCPConnector(limit=RACING) as sockets,
        aiohttp.ClientSession(connector=sockets, cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        token = await link_for(service)
        await join_team(database, service, "bob@example.com", "owner")
        of_bob = await link_for(service, "bob@example.com")

        async def follow(number: int) -> Told:
            # A few of each network, so that none is told to wait.
            network = {"X-Forwarded-For": f"10.{number % 250}.7.1"}
            return await Browser(service.base_url, http, network).follow(token)

        race = asyncio.gather(*(follow(number) for number in range(1_000)))
        async with browsing(service) as bob:
            bob.headers = {"X-Forwarded-For": "198.51.100.1"}
            assert (await bob.follow(of_bob)).status == 200
        told = await race
        (winner,) = (one for one in told if one.status == 200)
        refused = [one for one in told if one is not winner]
        assert {(one.status, one.problem, one.cookies) for one in refused} == {
            (401, "link_spent", ())
        }
        assert len({one.body["errors"][0]["message"] for one in refused}) == 1
        cookie = winner.cookies[0].partition(";")[0]
        devices = await Browser(service.base_url, http).ask(
            "GET", "/me/sign-ins", headers={"Cookie": cookie}
        )
        assert len(devices.body["signIns"]) == 1


async def test_each_sign_in_has_a_secret_of_its_own(service: Service) -> None:
    async with signed_in(service) as one, signed_in(service) as other:
        assert one.cookie() != other.cookie()
        before = one.cookie()
        assert (await one.follow(await link_for(service))).status == 200
        assert one.cookie() != before, "a secret that was there before is not kept"
        again = {"Cookie": f"{COOKIE}={before}"}
        async with browsing(service) as thief:
            assert (await thief.ask("GET", "/me", headers=again)).status == 401


async def test_what_the_sign_in_page_is_told(browser: Browser) -> None:
    told = await browser.ask("GET", "/hello", headers={})
    assert told.status == 200
    assert told.body["insecure"] is False
    assert isinstance(told.body["signIn"], list)


async def test_signing_out_ends_the_sign_in(service: Service) -> None:
    async with signed_in(service) as browser:
        cookie = browser.cookie()
        told = await browser.ask("POST", "/sign-out")
        assert told.status == 204
        assert SimpleCookie(told.cookies[0])[COOKIE]["max-age"] == "0"
        again = {"Cookie": f"{COOKIE}={cookie}"}
        told = await browser.ask("GET", "/me", headers=again)
        assert (told.status, told.problem) == (401, "unauthorized")


async def test_devices_are_listed_and_ended(service: Service) -> None:
    async with signed_in(service) as one, signed_in(service) as two, signed_in(service) as three:
        rows = (await one.ask("GET", "/me/sign-ins", headers={})).body["signIns"]
        assert [row["current"] for row in rows].count(True) == 1
        assert len(rows) == 3
        assert {row["device"] for row in rows} == {"A program"}
        (mine,) = (row for row in rows if row["current"])
        other = next(row for row in rows if not row["current"])
        assert (await one.ask("DELETE", f"/me/sign-ins/{other['id']}")).body == {"ended": 1}
        for wrong in (other["id"], str(uuid4()), "nothing"):
            told = await one.ask("DELETE", f"/me/sign-ins/{wrong}")
            assert (told.status, told.problem) == (404, "not_found")
        assert (await one.ask("DELETE", "/me/sign-ins")).body == {"ended": 1}
        statuses = [(await each.ask("GET", "/me", headers={})).status for each in (one, two, three)]
        assert statuses == [200, 401, 401]
        rows = (await one.ask("GET", "/me/sign-ins", headers={})).body["signIns"]
        assert [row["id"] for row in rows] == [mine["id"]]


async def test_nobody_ends_the_sign_in_of_another(service: Service, database: TestDatabase) -> None:
    await join_team(database, service, "ann@example.com", "owner")
    await join_team(database, service, "bob@example.com", "owner")
    async with (
        signed_in(service, "ann@example.com") as ann,
        signed_in(service, "bob@example.com") as bob,
    ):
        (row,) = (await bob.ask("GET", "/me/sign-ins", headers={})).body["signIns"]
        assert (await ann.ask("DELETE", f"/me/sign-ins/{row['id']}")).status == 404
        assert (await ann.ask("DELETE", "/me/sign-ins")).body == {"ended": 0}
        assert (await bob.ask("GET", "/me", headers={})).status == 200


async def test_a_person_renames_themselves(service: Service) -> None:
    async with signed_in(service) as browser:
        for given, kept in (("  Ada Okafor ", "Ada Okafor"), ("", None), (None, None)):
            told = await browser.ask("PATCH", "/me", {"fullName": given})
            assert (told.status, told.body["user"]["fullName"]) == (200, kept)
        assert (await browser.ask("PATCH", "/me", {})).status == 200
        long = "x" * (console_limits.NAME_CHARACTERS.most + 1)
        for bad in ({"fullName": long}, {"fullName": 1}, [], "x"):
            told = await browser.ask("PATCH", "/me", bad)
            assert (told.status, told.problem) == (400, "bad_request")


async def test_a_removed_member_is_out(service: Service, database: TestDatabase) -> None:
    ann = await join_team(database, service, "ann@example.com", "operator")
    async with signed_in(service, "ann@example.com") as browser:
        async with database.connection() as superuser:
            await superuser.execute("DELETE FROM ringline.users WHERE id = $1", ann)
        await browser.until(lambda told: told.status == 401)


async def test_a_changed_role_counts(service: Service, database: TestDatabase) -> None:
    ann = await join_team(database, service, "ann@example.com", "member")
    async with signed_in(service, "ann@example.com") as browser:
        assert (await browser.ask("GET", "/me", headers={})).body["role"] == "member"
        async with database.connection() as superuser:
            await superuser.execute("UPDATE ringline.users SET role = 'admin' WHERE id = $1", ann)
        await browser.until(lambda told: told.body["role"] == "admin")


async def test_the_oldest_of_too_many_sign_ins_ends(service: Service) -> None:
    async with signed_in(service) as first, signed_in(service) as second:
        for _ in range(console_limits.SIGN_INS.most - 1):
            async with browsing(service) as browser:
                assert (await browser.follow(await link_for(service))).status == 200
        statuses = [(await each.ask("GET", "/me", headers={})).status for each in (first, second)]
        assert statuses == [401, 200]


# -- pages of other origins ---------------------------------------------------------------


@pytest.mark.parametrize("route", [route for route in ROUTES if route.changes], ids=str)
async def test_only_a_page_of_this_server_changes_something(
    service: Service, route: ConsoleRoute
) -> None:
    path = route.path.format(environment="live", id="1")
    async with signed_in(service) as browser:
        own = browser.own
        rows: list[dict[str, str]] = [
            {},
            {"Origin": service.base_url},
            {HEADER: "1"},
            {HEADER: "2", "Origin": service.base_url},
            {HEADER: "1", "Origin": "https://evil.example"},
            {HEADER: "1", "Origin": "null"},
            {HEADER: "1", "Origin": service.base_url.replace("http", "https")},
            {HEADER: "1", "Sec-Fetch-Site": "cross-site"},
            {HEADER: "1", "Sec-Fetch-Site": "same-site"},
        ]
        for headers in rows:
            told = await browser.ask(route.method, path, {}, headers=headers)
            assert (told.status, told.problem) == (403, "cross_site"), headers
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        told = await browser.ask(route.method, path, headers=form, raw=b"token=x")
        assert (told.status, told.problem) == (403, "cross_site")
        for headers in (own, {HEADER: "1", "Sec-Fetch-Site": "same-origin"}):
            told = await browser.ask(route.method, path, {}, headers=headers)
            assert told.status != 403 or told.problem != "cross_site"
            if route.path == "/sign-out":
                return


async def test_a_page_of_localhost_is_as_good_as_one_of_the_address(service: Service) -> None:
    async with signed_in(service) as browser:
        local = service.base_url.replace("127.0.0.1", "localhost")
        host = local.removeprefix("http://")
        told = await browser.ask("PATCH", "/me", {}, headers={**browser.own, "Origin": local})
        assert told.status == 403
        headers = {**browser.own, "Origin": local, "Host": host}
        assert (await browser.ask("PATCH", "/me", {}, headers=headers)).status == 200


async def test_no_other_origin_is_told_that_it_may_read(service: Service) -> None:
    async with signed_in(service) as browser:
        for path in ("/me", "/live/rpc/public/run", "/live/token"):
            preflight = {
                "Origin": "https://evil.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-ringline-console",
            }
            told = await browser.ask("OPTIONS", path, headers=preflight)
            assert told.status == 404
            assert not any(name.startswith("access-control") for name in told.headers)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Voice.example:443/gate", "https://voice.example"),
        ("http://voice.example:80", "http://voice.example"),
        ("https://voice.example:80", "https://voice.example:80"),
        ("http://127.0.0.1:7400", "http://127.0.0.1:7400"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_spelt_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of_url(url) == origin


# -- https --------------------------------------------------------------------------------


async def test_plain_http_from_another_machine_is_refused(database: TestDatabase) -> None:
    async with (
        serving(database, trusted_proxies=["127.0.0.1"]) as service,
        browsing(service) as browser,
    ):
        token = await link_for(service)
        browser.headers = {"X-Forwarded-For": "203.0.113.7"}
        assert (await browser.ask("GET", "/hello", headers={})).body["insecure"] is True
        for proto in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https, http"}):
            browser.headers = {"X-Forwarded-For": "203.0.113.7", **proto}
            told = await browser.follow(token)
            assert (told.status, told.problem) == (403, "https_required")
        browser.headers |= {"X-Forwarded-Proto": "https"}
        told = await browser.ask(
            "POST",
            "/sign-in/link",
            {"token": token},
            headers={**browser.own, "Origin": service.base_url.replace("http", "https")},
        )
        assert told.status == 200, "a refusal does not spend the link"
        cookie = SimpleCookie(told.cookies[0])[SECURE_COOKIE]
        assert (cookie["secure"], cookie["httponly"]) == (True, True)


async def test_another_name_of_this_machine_is_no_loopback(service: Service) -> None:
    async with browsing(service) as browser:
        port = service.base_url.rpartition(":")[2]
        told = await browser.ask(
            "POST",
            "/sign-in/link",
            {"token": await link_for(service)},
            headers={
                **browser.own,
                "Host": f"voice.example:{port}",
                "Origin": f"http://voice.example:{port}",
            },
        )
        assert (told.status, told.problem) == (403, "https_required")


async def test_plain_http_may_be_allowed(database: TestDatabase) -> None:
    async with (
        serving(database, trusted_proxies=["127.0.0.1"], console_allow_plain=True) as service,
        browsing(service) as browser,
    ):
        browser.headers = {"X-Forwarded-For": "203.0.113.7"}
        assert (await browser.ask("GET", "/hello", headers={})).body["insecure"] is True
        assert (await browser.follow(await link_for(service))).status == 200


async def test_a_page_below_the_public_url_gets_its_cookie_there(database: TestDatabase) -> None:
    port = unused_port()
    async with (
        serving(database, port=port, public_url=PUBLIC) as service,
        browsing(service) as browser,
    ):
        browser.base_url = f"http://127.0.0.1:{port}"
        page = {"Origin": "https://voice.example", "Host": "voice.example"}
        told = await browser.ask(
            "POST",
            "/sign-in/link",
            {"token": await link_for(service)},
            headers={**browser.own, **page},
        )
        assert told.status == 200
        cookie = SimpleCookie(told.cookies[0])[SECURE_COOKIE]
        assert (cookie["path"], cookie["secure"]) == (f"/gate{API}", True)


# -- nothing else -------------------------------------------------------------------------


async def test_a_switched_off_console_is_not_there(database: TestDatabase) -> None:
    async with serving(database, console=False) as service, browsing(service) as browser:
        for path in ("/hello", "/me", "/nothing"):
            assert (await browser.ask("GET", path, headers={})).status == 404


async def test_a_cookie_of_another_server_is_nothing(service: Service) -> None:
    async with browsing(service) as browser:
        for cookie in ("x" * 43, "", "x" * 5000, "a.b.c", service.keys.secret_key):
            told = await browser.ask("GET", "/me", headers={"Cookie": f"{COOKIE}={cookie}"})
            assert (told.status, told.problem) == (401, "unauthorized")


async def test_the_cookie_opens_no_other_door_and_a_key_not_this_one(service: Service) -> None:
    async with signed_in(service) as browser:
        cookie = browser.cookie()
        for text in (cookie, f"live:{cookie}"):
            headers = {"x-api-key": text}
            async with service.http.post(
                f"{service.base_url}/rpc/public/run", json={}, headers=headers
            ) as answer:
                assert answer.status in (401, 403)
            async with service.http.get(f"{service.base_url}/v1/keys", headers=headers) as answer:
                assert answer.status in (401, 403)
        key = {"x-api-key": service.keys.secret_key}
        async with browsing(service) as other:
            assert (await other.ask("GET", "/me", headers=key)).status == 401


async def test_nothing_confidential_is_said(service: Service, said: Said) -> None:
    token = await link_for(service)
    async with browsing(service) as browser:
        await browser.follow(token)
        await browser.follow(token)
        minted = (await browser.ask("POST", "/live/token")).body["token"]
        cookie = browser.cookie()
        await browser.ask("POST", "/sign-out")
    text = said.text()
    assert "signed_in" in text
    for secret in (token, cookie, minted, "owner@localhost"):
        assert secret not in text
