"""The team, the keys and the audit log, as people in browsers use them (console, 5.3 and 5.4)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ringline.domain import audit_limits
from tests.call_rows import live
from tests.console import Browser, join_team, signed_in
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.stored_recordings import store_recording

ENTRY = ["actorKind", "actorName", "action", "outcome", "requestId", "address", "environment"]


@asynccontextmanager
async def joined(
    database: TestDatabase, service: Service, role: str
) -> AsyncIterator[tuple[Browser, str]]:
    """Sign in as a new member; give their browser and their id."""
    user_id = await join_team(database, service, "ann@example.com", role)
    async with signed_in(service, "ann@example.com") as browser:
        yield browser, str(user_id)


async def test_an_entry_names_the_request_and_the_address(
    service: Service, database: TestDatabase
) -> None:
    async with signed_in(service) as owner, joined(database, service, "operator") as (ann, _):
        asked = {"action": "create_contact", "input": {"fullName": "Priya"}}
        told = await ann.ask("POST", "/test/rpc/public/run", asked)
        entry = await entry_in(ann, "test", "create_contact")
        assert entry == {
            "actorKind": "user",
            "actorName": "ann@example.com",
            "action": "create_contact",
            "outcome": "done",
            "requestId": told.headers["x-request-id"],
            "address": "127.0.0.1",
            "environment": "test",
        }
        assert await entry_in(owner, "live", "create_contact") is None
        assert await entry_in(owner, "test", "create_contact") == entry


async def entry_in(browser: Browser, environment: str, action: str) -> dict[str, Any] | None:
    asked: dict[str, Any] = {"filter": {"action": action}, "fields": ENTRY}
    listed = await browser.data("list_audit_entries", environment, **asked)
    return listed[0] if listed else None


async def test_a_changed_role_counts_at_once(service: Service, database: TestDatabase) -> None:
    async with signed_in(service) as owner, joined(database, service, "member") as (ann, ann_id):
        queue = {"queueName": "sales", "strategy": "ring-all"}
        refused = await ann.run("create_queue", input=queue)
        assert refused["errors"][0]["type"] == "forbidden"
        assert refused["errors"][0]["details"] == {"hint": "this takes the role admin or owner"}
        for role, may in (("admin", True), ("member", False)):
            changed = await owner.data(
                "update_team_member", identity=ann_id, input={"role": role}, fields=["role"]
            )
            assert changed == {"role": role}
            await ann.until(lambda told, role=role: told.body["role"] == role)
            answer = await ann.run("list_keys", fields=["id"])
            assert answer["success"] is may
        removed = await owner.run("remove_team_member", identity=ann_id)
        assert removed["success"] is True
        await ann.until(lambda told: told.status == 401)


async def test_a_key_that_a_person_makes_opens_what_it_says_and_dies_with_its_revocation(
    service: Service,
) -> None:
    async with signed_in(service) as owner:
        made = await owner.data("create_key", "test", input={"label": "backend"})
        program = Rpc(service, made["key"])
        assert await program.run("list_contacts", fields=["id"]) == []
        refused = await program.problem("create_key", input={"label": "another"})
        assert refused["type"] == "forbidden"
        assert await owner.data("list_keys", fields=["label"], filter={"label": "backend"}) == []
        unknown = await owner.run("revoke_key", input={"keyId": made["key_id"]})
        assert unknown["errors"][0]["type"] == "not_found"  # in the other environment
        await owner.data("revoke_key", "test", input={"keyId": made["key_id"]})
        async with program.post({"action": "list_contacts", "fields": ["id"]}) as answer:
            assert answer.status == 401
        entries = await owner.data(
            "list_audit_entries", "test", fields=["action", "targetName", "targetId"]
        )
        mine = [one for one in entries if one["targetId"] == made["key_id"]]
        assert [(one["action"], one["targetName"]) for one in mine] == [
            ("create_key", "backend"),
            ("revoke_key", "backend"),
        ]


async def test_an_answer_with_a_key_is_not_kept_for_a_repetition(service: Service) -> None:
    async with signed_in(service) as owner:
        owner.headers["Idempotency-Key"] = "one key"
        body = {"action": "create_key", "input": {"label": "once"}}
        first = await owner.ask("POST", "/live/rpc/public/run", body)
        again = await owner.ask("POST", "/live/rpc/public/run", body)
        assert first.body["success"] is True
        assert (again.status, again.problem) == (409, "idempotency_conflict")
        del owner.headers["Idempotency-Key"]
        assert len(await owner.data("list_keys", fields=["id"], filter={"label": "once"})) == 1


async def test_a_recording_that_somebody_may_not_hear_is_recorded_too(
    service: Service, database: TestDatabase
) -> None:
    async with signed_in(service) as owner, joined(database, service, "member") as (ann, _):
        most = audit_limits.REFUSALS_PER_MINUTE.most
        for _ in range(most + 2):
            told = await ann.ask("GET", "/live/calls/call_0/recording", headers={})
            assert (told.status, told.problem) == (403, "forbidden")
        told = await ann.ask("POST", "/live/tickets", {})
        assert told.status == 403
        entries = await owner.data(
            "list_audit_entries", fields=ENTRY, filter={"outcome": "refused"}
        )
    assert len(entries) == most
    assert {(one["action"], one["actorName"]) for one in entries} == {
        ("hear_recordings", "ann@example.com")
    }


async def test_a_recording_that_somebody_hears_is_on_its_calls_page_once(
    database: TestDatabase, tmp_path: Path
) -> None:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        stored = await store_recording(database, live(service), tmp_path)
        async with signed_in(service) as owner:
            path = f"/live/calls/{stored.id}/recording"
            for part in ("bytes=0-9", "bytes=10-19"):
                told = await owner.ask("GET", path, headers={"Range": part})
                assert told.status == 206
            entries = await owner.data(
                "list_audit_entries",
                filter={"callUuid": stored.call.uuid},
                fields=["action", "targetId", "targetName"],
            )
    assert entries == [
        {
            "action": "hear_recording",
            "targetId": str(stored.call.id),
            "targetName": stored.call.uuid,
        }
    ]
