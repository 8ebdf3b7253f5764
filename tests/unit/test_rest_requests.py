"""What a request to `/v1` sends, and the tokens of its pages (live streams, 1.1 and 1.7)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from multidict import MultiDict

from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.rest.pages import NEXT, PageTokens
from ringline.rest.reading import read_body, read_ids, read_query
from ringline.rest.route import Input, Listed, Paging, PathId, Refused, Request, Route
from ringline.rpc.kinds import Boolean, Id, Text, Timestamp

ROW = UUID("019aa000-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)


async def act(_: Request) -> Mapping[str, object]:
    return {}


LIST = Route(
    "GET",
    "/v1/things",
    "listThings",
    "Things",
    "List things",
    act,
    "A page",
    query=(
        Input(Member("color", Shape.TEXT, "its colour", "none"), Text()),
        Input(Member("owner", Shape.TEXT, "its owner", "none"), Id(Prefix.AGENT)),
    ),
    paging=Paging("things", (Timestamp(), Id(Prefix.CALL))),
)
CREATE = Route(
    "POST",
    "/v1/things/{thing_id}",
    "createThing",
    "Things",
    "Create a thing",
    act,
    "The thing",
    ids=(PathId("thing_id", Prefix.CALL, "the thing"),),
    body=(
        Input(Member("url", Shape.TEXT, "its URL"), Text(max_length=10)),
        Input(Member("on", Shape.BOOLEAN, "whether it is on", "true"), Boolean()),
        Input(Member("note", Shape.TEXT, "a note", "none", null=True), Text()),
    ),
)


def asked(query: str = "", route: Route = LIST) -> dict[str, Any]:
    pairs = [pair.split("=") for pair in query.split("&") if pair]
    parameters = MultiDict((name, value) for name, value in pairs)
    return read_query(route, lambda name: parameters.getall(name, ()))


def refusal(call: Any) -> str:
    with pytest.raises(Refused) as refused:
        call()
    assert refused.value.code == "INVALID_ARGUMENT"
    return refused.value.message or ""


# -- bodies and queries ---------------------------------------------------------------------


def test_a_body_is_cast_and_what_is_unknown_is_ignored() -> None:
    body = b'{"url": "https://a", "on": false, "nope": {"deep": [1]}, "note": null}'
    assert read_body(CREATE, body) == {"url": "https://a", "on": False, "note": None}
    assert read_body(CREATE, b'{"url": "x", "on": null}') == {"url": "x"}  # null is absent


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "url is required"),
        (b"{}", "url is required"),
        (b'{"url": null}', "url is required"),
        (b'{"url": "  "}', "url is required"),
        (b'{"url": 7}', "url must be a string"),
        (b'{"url": "https://far.example"}', "url length must be less than or equal to 10"),
        (b'{"url": "x", "on": "maybe"}', "on must be true or false"),
        (b"[]", "the body must be a JSON object"),
        (b"{", "the body: text is not valid JSON"),
        (b'{"url": "\\u0000"}', "the body: text must not contain U+0000"),
        (b'{"url": "\xff"}', "the body: text is not valid UTF-8"),
        (b'{"a":' + b"[" * 65 + b"]" * 65 + b"}", "the body: JSON is nested too deeply"),
    ],
)
def test_a_bad_body_is_refused_by_name(body: bytes, message: str) -> None:
    assert refusal(lambda: read_body(CREATE, body)) == message


def test_a_query_is_cast() -> None:
    agent = format_id(Prefix.AGENT, ROW)
    assert asked(f"owner={agent}&color=red&page_size=7&nope=1") == {
        "owner": ROW,
        "color": "red",
        "page_size": 7,
    }
    assert asked(f"owner={ROW}&color=&page_size=") == {"owner": ROW}
    assert asked("color=red&color=red") == {"color": "red"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("page_size=0", "page_size must be greater than or equal to 1"),
        ("page_size=101", "page_size must be 1 to 100"),
        ("page_size=99999999999", "page_size must be a whole number of at most 32 bits"),
        ("page_size=many", "page_size must be a whole number of at most 32 bits"),
        ("owner=call_x", "owner is not an id of this kind of record"),
        ("color=red&color=blue", "color must be given once"),
        ("color=a\0b", "color must not contain U+0000"),
    ],
)
def test_a_bad_query_is_refused_by_name(query: str, message: str) -> None:
    assert refusal(lambda: asked(query)) == message


def test_ids_in_a_path_have_two_forms_and_what_is_neither_is_not_found() -> None:
    for text in (format_id(Prefix.CALL, ROW), str(ROW), str(ROW).upper()):
        assert read_ids(CREATE, {"thing_id": text}) == {"thing_id": ROW}
    for text in (format_id(Prefix.AGENT, ROW), "call_", "", "call_" + "z" * 22, "\0"):
        with pytest.raises(Refused) as refused:
            read_ids(CREATE, {"thing_id": text})
        assert refused.value.code == "NOT_FOUND"


# -- pages ----------------------------------------------------------------------------------


def token(tokens: PageTokens, query: Mapping[str, Any]) -> str:
    answer = tokens.answer(LIST, query, listed=Listed([{"id": 1}], (AT, ROW)))
    assert answer["things"] == [{"id": 1}]
    return str(answer[NEXT])


def test_a_token_leads_to_the_rows_behind_it() -> None:
    tokens = PageTokens(["secret", "older"])
    query = asked("color=red&page_size=5")
    made = token(tokens, query)
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), (
        "it needs no escapes in a URL"
    )
    page = tokens.read(LIST, query | {"page_token": made})
    assert (page.size, page.after) == (5, [AT, ROW])
    assert PageTokens(["newer", "secret"]).read(LIST, query | {"page_token": made}) == page


def test_the_last_page_has_no_token() -> None:
    answer = PageTokens(["secret"]).answer(LIST, {}, listed=Listed([], None))
    assert answer == {"things": []}
    assert PageTokens(["secret"]).read(LIST, {}).size == 20


@pytest.mark.parametrize(
    "other", ["", "color=blue&page_size=5", "color=red", "color=red&page_size=6"]
)
def test_a_token_is_good_for_its_own_query_only(other: str) -> None:
    tokens = PageTokens(["secret"])
    made = token(tokens, asked("color=red&page_size=5"))
    assert "page_token" in refusal(lambda: tokens.read(LIST, asked(other) | {"page_token": made}))


def test_a_token_is_good_for_its_own_rows_parent_and_all_routes_of_its_list() -> None:
    tokens = PageTokens(["secret"])
    beside = (Member("name", Shape.TEXT, "its name"),)
    paging = Paging("things", (Timestamp(), Id(Prefix.CALL)), beside=beside, tokens="getThing")
    routes = [replace(LIST, operation=name, paging=paging) for name in ("getThing", "changeThing")]
    listed = Listed([{"id": 1}], (AT, ROW), beside={"name": "Ada"})
    answer = tokens.answer(routes[0], {}, ids={"thing_id": ROW}, listed=listed)
    assert list(answer) == ["name", "things", NEXT]
    query = {"page_token": answer[NEXT]}
    for route in routes:
        assert tokens.read(route, query, ids={"thing_id": ROW}).after == [AT, ROW]
        refusal(lambda route=route: tokens.read(route, query, ids={"thing_id": UUID(int=7)}))


def test_the_default_size_is_a_size_like_any_other() -> None:
    tokens = PageTokens(["secret"])
    made = token(tokens, asked("color=red"))
    tokens.read(LIST, asked("color=red&page_size=20") | {"page_token": made})


@pytest.mark.parametrize("forged", ["x", "AAAA" * 12, "é", "=", "x" * 70_000, "a+b/c"])
def test_a_forged_token_is_refused(forged: str) -> None:
    tokens = PageTokens(["secret"])
    assert "page_token" in refusal(lambda: tokens.read(LIST, {"page_token": forged}))


def test_every_flipped_character_is_noticed() -> None:
    tokens = PageTokens(["secret"])
    made = token(tokens, {})
    for index in range(len(made) - 1):
        other = "A" if made[index] != "A" else "B"
        changed = made[:index] + other + made[index + 1 :]
        refusal(lambda changed=changed: tokens.read(LIST, {"page_token": changed}))


def test_a_token_of_another_secret_is_refused() -> None:
    made = token(PageTokens(["secret"]), {})
    refusal(lambda: PageTokens(["another"]).read(LIST, {"page_token": made}))
