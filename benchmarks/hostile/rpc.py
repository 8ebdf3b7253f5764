"""Attacks on RPC: dear reads, many small requests, bodies that are hard to read, answers."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.clients import Client, head, post, rpc
from benchmarks.hostile.target import Step, Target

PATH = "/rpc/public/run"
READERS, FLOODERS, AT_ONCE = 16, 32, 8
BODY_BYTES = 7_900_000
READABLE, DRIPS, DRIP_S = 8, 32, 0.25
LARGE, LARGE_READERS, NOTES_BYTES = 240, 32, 64 * 1024
HEAVY_NAME = "Heavy notes"
HOLD_S = 2.0

_CONTACTS = {"action": "list_contacts", "fields": ["id"]}
_PARTICIPANTS = {"participants": ["id", "role", {"call": ["callUuid"]}]}


async def heavy(target: Target) -> list[Step]:
    """Read what is dear: no index, wide filters, deep selections."""
    wide = [{"notes": {"contains": f"{number}x"}} for number in range(400)]
    nested = ["id", {"call": ["id", _PARTICIPANTS, {"transcripts": ["text"]}]}]
    asked = [
        {**_CONTACTS, "sort": "updatedAt", "page": {"limit": 250, "offset": 90_000, "count": True}},
        {**_CONTACTS, "sort": "-updatedAt", "page": {"limit": 250}, "filter": {"or": wide}},
        {"action": "list_conversations", "fields": nested, "page": {"limit": 250}},
        {**_CONTACTS, "fields": ["id", "fullName", "email", "notes"], "page": {"limit": 250}},
        {**_CONTACTS, "sort": "notes", "page": {"limit": 20}, "filter": {"not": {"or": wide[:9]}}},
    ]
    turns = itertools.cycle([rpc(target.key, each) for each in asked])
    return [_asker(target, turns) for _ in range(READERS)]


def _asker(target: Target, turns: Iterator[bytes]) -> Step:
    async def step() -> None:
        client = await target.connect()
        try:
            while True:
                target.note_answer(*await client.ask(next(turns)))
        finally:
            client.abort()

    return step


async def flood(target: Target) -> list[Step]:
    """Ask for little, as often as answers come, refused or not; several at once."""
    small = rpc(target.key, {**_CONTACTS, "page": {"limit": 1}})

    async def step() -> None:
        client = await target.connect()
        try:
            while True:
                client.send(small * AT_ONCE)
                for _ in range(AT_ONCE):
                    target.note_answer(*await client.answer())
        finally:
            client.abort()

    return [step] * FLOODERS


async def bodies(target: Target) -> list[Step]:
    """Send bodies as long as they may be that are hard to read, and some that drip."""
    turns = itertools.cycle([post(PATH, target.key, body) for body in hard_bodies()])

    async def step() -> None:
        client = await target.connect()
        try:
            target.note_answer(*await client.ask(next(turns)))
        finally:
            client.abort()

    async def drip() -> None:
        client = await target.connect()
        try:
            client.send(head(PATH, target.key, BODY_BYTES))
            answered = asyncio.create_task(client.answer())
            try:
                while not answered.done():
                    client.send(b"[")
                    await asyncio.wait({answered}, timeout=DRIP_S)
                target.note_answer(*answered.result())
            finally:
                answered.cancel()
        finally:
            client.abort()

    return [*[step] * READABLE, *[drip] * DRIPS]


def hard_bodies() -> list[bytes]:
    """Write bodies that cost the more to read the longer they are looked at."""

    def filled(begin: bytes, piece: bytes, end: bytes) -> bytes:
        return begin + piece * ((BODY_BYTES - len(begin) - len(end)) // len(piece)) + end

    action = json.dumps(_CONTACTS).encode()[:-1]
    deep = BODY_BYTES // 12
    return [
        filled(b"[[]", b",[]", b"]"),
        filled(action + b',"x":[0', b",0", b"]}"),
        filled(action + b',"filter":{"or":[{}', b",{}", b"]}}"),
        filled(action + b',"filter":{"id":{"in":[""', b',""', b"]}}}"),
        action + b',"filter":' + b'{"and":[' * deep + b"]}" * deep + b"}",
        action + b',"sort":"id' + b",id" * 66_000 + b'"}',
        filled(action + b',"page":{}},"fields":["id"', b',"id"', b"]}"),
        b"[" * BODY_BYTES,
    ]


async def large(target: Target) -> list[Step]:
    """Ask for answers as large as they may be, and do not read them."""
    await _make_large(target)
    asked: Mapping[str, Any] = {
        "action": "list_contacts",
        "fields": ["id", "notes"],
        "filter": {"fullName": {"eq": HEAVY_NAME}},
        "page": {"limit": LARGE},
    }
    listed = rpc(target.key, asked)

    async def step() -> None:
        client = await target.connect(unread=True)
        try:
            client.send(listed)
            begun = await client.reader.readexactly(12)
            target.note(f"{begun[9:12].decode()} unread")
            await asyncio.sleep(HOLD_S)
        finally:
            client.abort()

    return [step] * LARGE_READERS


async def _make_large(target: Target) -> None:
    notes = "\N{GREEK SMALL LETTER ALPHA}" * (NOTES_BYTES // 2)
    made = {"fullName": HEAVY_NAME, "notes": notes}
    message = rpc(target.key, {"action": "create_contact", "fields": ["id"], "input": made})
    client: Client = await target.connect()
    try:
        for _ in range(LARGE):
            status, body = await client.ask(message)
            if status != 200 or not body.startswith(b'{"success":true'):
                raise SystemExit(f"A contact was refused: {body[:300]!r}")
    finally:
        client.abort()
