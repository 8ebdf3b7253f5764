"""A person who joins, signs in with a password and changes it, all in a browser."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.visits import connection, faults_of, visiting
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

EMAIL = "ann@example.com"
PASSWORD, NEW = "correct horse battery", "staple of another horse"


async def join(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text("Join Test")
    await expect(page.get_by_label("Email")).to_have_value(EMAIL)
    await page.get_by_role("textbox", name="Name").fill("Ann Example")
    password = page.get_by_label("Password", exact=True)
    await password.fill("too short")
    await page.get_by_role("button", name="Join as operator").click()
    await expect(password).to_have_accessible_description(re.compile("fewer than 12"))
    await password.fill(PASSWORD)
    await page.get_by_role("button", name="Join as operator").click()
    await expect(connection(page)).to_contain_text("Connected")


async def sign_in(page: Page, password: str) -> None:
    """Sign in by the keyboard alone."""
    email = page.get_by_role("textbox", name="Email")
    await email.focus()
    for text in (EMAIL, password):
        await page.keyboard.press("ControlOrMeta+a")
        await page.keyboard.type(text)
        await page.keyboard.press("Tab" if text == EMAIL else "Enter")


@pytest.mark.timeout(180)
@on_shared_server
async def test_a_person_joins_signs_in_and_changes_the_password(
    shared_service: Service, chromium: Browser
) -> None:
    base_url = shared_service.base_url
    rpc = Rpc(shared_service)
    invited = await rpc.run("invite_team_member", input={"email": EMAIL, "role": "operator"})
    link = f"/join#{invited['token']}"
    async with visiting(chromium, base_url) as first, visiting(chromium, base_url) as second:
        first.provoked.append("a status of 400")  # of a wrong old password
        page, late = await first.open(link), await second.open(link)
        await expect(late.get_by_role("heading", level=1)).to_have_text("Join Test")
        assert await faults_of(late) == []
        await join(page)
        assert "#" not in page.url
        await expect(page.get_by_role("button", name="Ann Example")).to_contain_text("operator")
        await late.get_by_role("textbox", name="Name").fill("Somebody else")
        await late.get_by_label("Password", exact=True).fill(PASSWORD)
        await late.get_by_role("button", name="Join as operator").click()
        await expect(late.get_by_role("alert")).to_contain_text("accepted already")
        spent = await second.open(link)
        await expect(spent.get_by_role("alert")).to_contain_text("accepted already")
        await expect(spent.get_by_role("textbox")).to_have_count(0)
        other = await second.open("/live/settings/profile")
        await sign_in(other, "not the password")
        await expect(other.get_by_role("alert")).to_contain_text("password is wrong")
        await sign_in(other, PASSWORD)
        await expect(other.get_by_role("heading", level=1)).to_have_text("Profile")
        await page.goto(f"{base_url}/console/live/settings/profile")
        devices = page.get_by_role("region", name="Where you are signed in")
        await expect(devices.get_by_role("listitem")).to_have_count(2)
        await page.get_by_label("Old password", exact=True).fill("not the password")
        await page.get_by_label("New password", exact=True).fill(NEW)
        await page.get_by_role("button", name="Change password").click()
        await expect(page.get_by_role("alert")).to_contain_text("The old password is wrong.")
        await page.get_by_label("Old password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Change password").click()
        # The other browser is signed out by the server; it comes back with the new password.
        await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
        await sign_in(other, NEW)
        await expect(other.get_by_role("heading", level=1)).to_have_text("Profile")
        await expect(devices).to_contain_text("this one")
        await other.get_by_role("button", name="Sign out everywhere else").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        await expect(connection(other)).to_contain_text("Connected")
