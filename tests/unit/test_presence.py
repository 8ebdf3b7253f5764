"""Presence: what each listener makes of what it is told (contract, 11).

`Followed` does what the npm client's `Presence` does with a state and with differences.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringline.domain.presence import Changes, Meta, Roster
from ringline.services.presence import WINDOW_S, Presence, PresencePush
from ringline.wire import presence as wire
from tests import clock
from tests.event_sessions import Client, SessionDesk, scenario
from tests.samples import NOW, a_scope

SCOPE = a_scope(1)
KEYS = ["ada", "bob", "__proto__", 'a "quoted" key']


class Followed:
    """A listener's own list, as the npm client keeps it: references by key."""

    def __init__(self) -> None:
        self.state: dict[str, list[str]] = {}

    def take(self, event: str, payload: Mapping[str, Any]) -> None:
        if event == wire.STATE:
            self.state = {key: _refs(shown) for key, shown in payload.items()}
            return
        for key, shown in payload["joins"].items():
            joined = _refs(shown)
            kept = [ref for ref in self.state.get(key, []) if ref not in joined]
            self.state[key] = kept + joined
        for key, shown in payload["leaves"].items():
            if key in self.state:
                left = _refs(shown)
                self.state[key] = [ref for ref in self.state[key] if ref not in left]
                if not self.state[key]:
                    del self.state[key]


def _refs(shown: Mapping[str, Any]) -> list[str]:
    return [meta["phx_ref"] for meta in shown["metas"]]


def a_meta(ref: str) -> Meta:
    return Meta(ref, NOW)


class RosterMachine(RuleBasedStateMachine):
    """People come and go; listeners join at any time, and are told of the rest in windows."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster(6)
        self.present: dict[str, str] = {}
        self.listeners: list[Followed] = []
        self.refs = 0
        self.settled = True

    @rule(key=st.sampled_from(KEYS))
    def come(self, key: str) -> None:
        self.refs += 1
        ref = f"r{self.refs}"
        joined = self.roster.join(key, a_meta(ref))
        assert joined == (len(self.present) < 6)
        if joined:
            self.present[ref] = key
            self.settled = False

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        if self.present:
            ref = data.draw(st.sampled_from(sorted(self.present)))
            self.roster.leave(self.present.pop(ref), a_meta(ref))
            self.settled = False

    @rule()
    def listen(self) -> None:
        self.listeners.append(Followed())
        entries = [wire.encode_entry(k, metas) for k, metas in self.roster.show().items()]
        self.listeners[-1].take(wire.STATE, json.loads(wire.encode_state(entries)))

    @rule()
    def tell(self) -> None:
        changes = self.roster.take_changes()
        if changes is not None:
            for listener in self.listeners:
                listener.take(wire.DIFF, json.loads(wire.encode_diff(changes)))
        self.settled = True

    @invariant()
    def everybody_who_was_told_knows_who_is_there(self) -> None:
        assert len(self.roster) == len(self.present)
        if not self.settled:
            return
        expected: dict[str, set[str]] = {}
        for ref, key in self.present.items():
            expected.setdefault(key, set()).add(ref)
        for listener in self.listeners:
            assert {key: set(refs) for key, refs in listener.state.items()} == expected


TestRoster = RosterMachine.TestCase
TestRoster.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_nobody_is_told_of_one_who_came_and_went_unseen() -> None:
    roster = Roster(2)
    roster.join("ada", a_meta("1"))
    roster.leave("ada", a_meta("1"))
    assert roster.take_changes() is None
    roster.join("ada", a_meta("2"))
    roster.show()
    roster.leave("ada", a_meta("2"))
    assert roster.take_changes() == Changes({}, {"ada": {"2": a_meta("2")}})


# -- the service ----------------------------------------------------------------------------


class Heard:
    """A listener that notes what it was told."""

    def __init__(self) -> None:
        self.told: list[PresencePush] = []

    def presence_changed(self, push: PresencePush) -> None:
        self.told.append(push)


class Broken:
    """A listener with a defect."""

    def presence_changed(self, push: PresencePush) -> None:
        raise RuntimeError


async def past_the_window() -> None:
    await asyncio.sleep(WINDOW_S * 1.5)


def a_service(most: int = 2_000) -> Presence:
    refs = iter(range(10**6))
    return Presence(lambda: NOW, lambda: f"r{next(refs)}", most=most)


def test_a_thousand_who_come_at_once_are_one_frame_for_each() -> None:
    async def main() -> None:
        service = a_service()
        first = Heard()
        service.enter(SCOPE, first, key=None)
        crowd = [Heard() for _ in range(1_000)]
        for number, one in enumerate(crowd):
            service.enter(SCOPE, one, key=f"user {number}")
        await past_the_window()
        assert {len(one.told) for one in (first, *crowd)} == {1}
        assert {id(one.told[0]) for one in (first, *crowd)} == {id(first.told[0])}
        assert len(json.loads(first.told[0].payload)["joins"]) == 1_000
        for one in crowd:
            service.leave(SCOPE, one)
        await past_the_window()
        assert len(first.told) == 2
        assert len(json.loads(first.told[1].payload)["leaves"]) == 1_000
        service.leave(SCOPE, first)

    clock.run(main())


def test_one_defect_keeps_nobody_from_being_told_and_no_timer_is_left() -> None:
    async def main() -> None:
        service, last = a_service(), Heard()
        for listener in (Broken(), last):
            service.enter(SCOPE, listener, key="ada")
        await past_the_window()
        assert len(last.told) == 1
        await past_the_window()
        assert len(last.told) == 1, "nothing more has changed"

    clock.run(main())


def test_a_state_is_encoded_once_while_nothing_changes() -> None:
    async def main() -> None:
        service, one, other = a_service(), Heard(), Heard()
        service.enter(SCOPE, one, key="ada")
        state = service.state(SCOPE)
        assert service.state(SCOPE) is state
        assert state.framed("kind", lambda: b"a") is state.framed("kind", lambda: b"b")
        assert json.loads(state.payload) == {
            "ada": {"metas": [{"phx_ref": "r0", "onlineAt": "2026-11-20T09:15:00.000000Z"}]}
        }
        service.enter(SCOPE, other, key="ada")
        assert [
            meta["phx_ref"] for meta in json.loads(service.state(SCOPE).payload)["ada"]["metas"]
        ] == ["r0", "r1"]
        service.leave(SCOPE, one)
        service.leave(SCOPE, other)

    clock.run(main())


def test_whoever_finds_no_room_is_told_and_not_listed() -> None:
    async def main() -> None:
        service, first, second = a_service(most=1), Heard(), Heard()
        service.enter(SCOPE, first, key="ada")
        service.enter(SCOPE, second, key="bob")
        assert list(json.loads(service.state(SCOPE).payload)) == ["ada"]
        await past_the_window()
        assert len(second.told) == 1
        service.leave(SCOPE, second)
        service.leave(SCOPE, first)
        service.enter(SCOPE, second, key="bob")
        assert list(json.loads(service.state(SCOPE).payload)) == ["bob"]
        service.leave(SCOPE, second)

    clock.run(main())


# -- sessions -------------------------------------------------------------------------------


def presence_of(client: Client) -> list[tuple[str, Any]]:
    return [(frame[3], frame[4]) for frame in client.named("presence_state", "presence_diff")]


def listed(client: Client) -> dict[str, list[str]]:
    followed = Followed()
    for event, payload in presence_of(client):
        followed.take(event, payload)
    return followed.state


async def joined(*clients: Client, topic: str = "events") -> None:
    for client in clients:
        client.join(topic)
    await past_the_window()


def test_the_state_follows_the_reply_and_the_diff_what_changes() -> None:
    async def steps(desk: SessionDesk) -> None:
        ada, nobody = desk.client("ada"), desk.client()
        await joined(nobody)
        assert [frame[3] for frame in nobody.seen] == ["phx_reply", "presence_state"]
        assert nobody.seen[1] == [None, None, "events", "presence_state", {}]
        await joined(ada)
        meta = {"phx_ref": "r1", "onlineAt": "2026-11-20T09:15:00.000000Z"}
        came = {"ada": {"metas": [meta]}}
        assert presence_of(ada)[0] == ("presence_state", came)
        for client in (ada, nobody):
            assert presence_of(client)[-1] == ("presence_diff", {"joins": came, "leaves": {}})
        ada.leave()
        await past_the_window()
        assert presence_of(nobody)[-1] == ("presence_diff", {"joins": {}, "leaves": came})
        assert listed(nobody) == {}

    scenario(steps)


@pytest.mark.parametrize("how", ["leave", "close", "kill", "refused"])
def test_every_way_to_go_takes_a_socket_off_the_list(how: str) -> None:
    async def steps(desk: SessionDesk) -> None:
        ada, nobody = desk.client("ada"), desk.client()
        await joined(nobody, ada)
        assert listed(nobody) == {"ada": ["r1"]}
        match how:
            case "leave":
                ada.send(None, "9", "events", "phx_leave", {})
            case "close":
                ada.session.credential_revoked()
            case "kill":
                ada.leave()
            case _:
                desk.store.go_away()
                ada.join()
        await past_the_window()
        assert listed(nobody) == {}

    scenario(steps)


def test_a_socket_is_one_meta_however_often_and_under_which_name_it_joins() -> None:
    async def steps(desk: SessionDesk) -> None:
        ada, nobody = desk.client("ada"), desk.client()
        await joined(nobody, ada)
        await joined(ada)
        await joined(ada, topic=f"events:{SCOPE.workspace_id}")
        await joined(ada)
        assert presence_of(nobody)[1:] == presence_of(nobody)[1:2], "it never went"
        assert listed(nobody) == {"ada": ["r1"]}
        states = ada.named("presence_state")
        assert [frame[2] for frame in states] == [
            "events",
            "events",
            f"events:{SCOPE.workspace_id}",
            "events",
        ]
        second = desk.client("ada")
        await joined(second)
        assert listed(nobody) == {"ada": ["r1", "r2"]}
        second.leave()
        ada.leave()
        await past_the_window()
        assert listed(nobody) == {}

    scenario(steps)


def test_whoever_does_not_read_gets_the_list_anew_once_it_does() -> None:
    async def steps(desk: SessionDesk) -> None:
        slow, quick = desk.client("slow"), desk.client()
        await joined(slow, quick)
        slow.pause()
        for number in range(3):
            await joined(desk.client(f"user {number}"))
        assert [event for event, _ in presence_of(slow)] == ["presence_state", "presence_diff"]
        slow.read_on()
        await asyncio.sleep(0)
        assert presence_of(slow)[-1][0] == "presence_state"
        assert listed(slow) == listed(quick)
        slow.read_on()
        await past_the_window()
        assert [event for event, _ in presence_of(slow)].count("presence_state") == 2

    scenario(steps)


def test_logs_do_not_meet() -> None:
    async def steps(desk: SessionDesk) -> None:
        here, there = desk.client("ada"), desk.client("eve", scope=a_scope(2))
        await joined(here, there)
        there.send(None, "1", "events", "phx_join", {})
        assert set(listed(here)) == {"ada"}

    scenario(steps)


def test_frames_are_shared_by_listeners_of_a_name_and_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[object] = []
    framed = PresencePush.framed

    def counted(self: PresencePush, kind: object, make: Any) -> bytes:
        def counting() -> bytes:
            made.append(kind)
            return make()

        return framed(self, kind, counting)

    monkeypatch.setattr(PresencePush, "framed", counted)

    async def steps(desk: SessionDesk) -> None:
        crowd: Sequence[Client] = [desk.client() for _ in range(20)]
        await joined(*crowd)
        assert len(made) == 1
        await joined(desk.client("ada"))
        assert len(made) == 3  # a difference, and the newcomer's state
        assert all(len(presence_of(client)) == 2 for client in crowd)

    scenario(steps)
