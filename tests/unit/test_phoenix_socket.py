"""One events socket: the whole table of events socket, 3.5."""

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringline.wire import phoenix_socket as socket
from ringline.wire.phoenix import Version
from ringline.wire.phoenix_socket import (
    ChannelClosed,
    ChannelOpened,
    Disconnect,
    JoinRequested,
    Send,
    SocketProtocol,
)


def frames(effects: list[socket.Effect]) -> list[Any]:
    return [json.loads(effect.frame) for effect in effects if isinstance(effect, Send)]


def others(effects: list[socket.Effect]) -> list[socket.Effect]:
    return [effect for effect in effects if not isinstance(effect, Send)]


def send(protocol: SocketProtocol, *message: object) -> list[socket.Effect]:
    return protocol.receive(json.dumps(message))


def ask(protocol: SocketProtocol, ref: str | None = "1", topic: str = "events") -> JoinRequested:
    (request,) = send(protocol, ref, ref, topic, "phx_join", {})
    assert isinstance(request, JoinRequested)
    return request


def joined(ref: str = "1", topic: str = "events") -> SocketProtocol:
    protocol = SocketProtocol(Version.V2)
    protocol.accept_join(ask(protocol, ref, topic))
    return protocol


def reply(join_ref: str | None, ref: str, status: str, reason: str | None = None) -> list[Any]:
    response = {} if reason is None else {"reason": reason}
    return [join_ref, ref, "events", "phx_reply", {"status": status, "response": response}]


def test_a_heartbeat_is_answered_before_any_join() -> None:
    assert frames(send(SocketProtocol(Version.V2), None, "9", "phoenix", "heartbeat", {})) == [
        [None, "9", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
    ]


@pytest.mark.parametrize("ref", [7, -1.5, True, None, "1", ["1", {}], {"n": 1}, 10**40])
def test_refs_of_any_kind_are_repeated_as_they_came(ref: object) -> None:
    protocol = SocketProtocol(Version.V2)
    ok = {"status": "ok", "response": {}}
    assert frames(send(protocol, ref, ref, "phoenix", "heartbeat", {})) == [
        [ref, ref, "phoenix", "phx_reply", ok]
    ]
    (request,) = send(protocol, ref, ref, "events", "phx_join", {})
    assert isinstance(request, JoinRequested)
    assert frames(protocol.accept_join(request)) == [[ref, ref, "events", "phx_reply", ok]]
    assert frames(send(protocol, ref, "9", "events", "phx_leave", {})) == [
        [ref, "9", "events", "phx_reply", ok],
        [ref, ref, "events", "phx_close", {}],
    ]


@pytest.mark.parametrize("ref", [["x" * 252], 10**255, int("1" * 4_000)])
def test_refs_of_any_kind_are_bounded(ref: object) -> None:
    (goodbye,) = send(SocketProtocol(Version.V2), None, ref, "phoenix", "heartbeat", {})
    assert isinstance(goodbye, Disconnect)
    assert goodbye.code == 1011


def test_a_join_is_asked_and_accepted() -> None:
    protocol = SocketProtocol(Version.V2)
    (request,) = send(protocol, "4", "4", "events", "phx_join", {"since": "0"})
    assert request == JoinRequested("events", "4", "4", {"since": "0"})
    assert isinstance(request, JoinRequested)
    effects = protocol.accept_join(request, {"position": "abcd1234:7"})
    assert frames(effects) == [
        ["4", "4", "events", "phx_reply", {"status": "ok", "response": {"position": "abcd1234:7"}}]
    ]
    assert others(effects) == [ChannelOpened("events")]
    assert protocol.topics == ("events",)
    assert protocol.accept_join(request) == []  # a second answer changes nothing


@pytest.mark.parametrize("payload", [None, [], "x", 7])
def test_a_join_without_an_object_has_an_empty_one(payload: object) -> None:
    (request,) = send(SocketProtocol(Version.V2), "4", "4", "events", "phx_join", payload)
    assert isinstance(request, JoinRequested)
    assert request.payload == {}


def test_a_refused_join_makes_no_channel() -> None:
    protocol = SocketProtocol(Version.V2)
    effects = protocol.refuse_join(ask(protocol), socket.UNAUTHORIZED)
    assert frames(effects) == [reply("1", "1", "error", "unauthorized")]
    assert protocol.topics == ()


def test_an_unknown_topic_is_answered_without_a_join_ref() -> None:
    protocol = SocketProtocol(Version.V2)
    effects = protocol.refuse_join(ask(protocol), socket.UNMATCHED_TOPIC)
    assert frames(effects) == [reply(None, "1", "error", "unmatched topic")]


def test_a_socket_has_a_hundred_channels_and_no_more() -> None:
    protocol = SocketProtocol(Version.V2)
    for number in range(100):
        request = ask(protocol, str(number), f"t{number}")
        if number % 2:
            protocol.accept_join(request)  # those that wait for an answer count too
    effects = send(protocol, "200", "200", "events", "phx_join", {})
    assert frames(effects) == [reply("200", "200", "error", "too many channels joined")]
    assert others(effects) == []
    assert isinstance(send(protocol, "201", "201", "t5", "phx_join", {})[0], JoinRequested)


def test_a_second_join_takes_over() -> None:
    protocol = joined("1")
    effects = protocol.accept_join(ask(protocol, "5"))
    assert frames(effects) == [reply("5", "5", "ok"), ["1", "1", "events", "phx_close", {}]]
    assert others(effects) == [ChannelClosed("events"), ChannelOpened("events")]
    assert send(protocol, "1", "6", "events", "x", {}) == []  # the old join_ref is stale
    assert frames(send(protocol, "5", "7", "events", "x", {})) == [
        reply("5", "7", "error", "unknown event")
    ]


def test_a_refused_second_join_closes_the_first_channel() -> None:
    protocol = joined("1")
    effects = protocol.refuse_join(ask(protocol, "5"), socket.UNAUTHORIZED)
    assert frames(effects) == [
        reply("5", "5", "error", "unauthorized"),
        ["1", "1", "events", "phx_close", {}],
    ]
    assert others(effects) == [ChannelClosed("events")]


@pytest.mark.parametrize("join_ref", ["1", None])
def test_leaving(join_ref: str | None) -> None:
    protocol = joined("1")
    effects = send(protocol, join_ref, "2", "events", "phx_leave", {})
    assert frames(effects) == [reply(join_ref, "2", "ok"), ["1", "1", "events", "phx_close", {}]]
    assert others(effects) == [ChannelClosed("events")]
    assert protocol.topics == ()


def test_leaving_with_a_stale_ref_is_dropped() -> None:
    protocol = joined("1")
    assert send(protocol, "0", "2", "events", "phx_leave", {}) == []
    assert protocol.topics == ("events",)


def test_leaving_what_was_never_joined_is_ok() -> None:
    protocol = SocketProtocol(Version.V2)
    assert frames(send(protocol, "1", "2", "events", "phx_leave", {})) == [reply("1", "2", "ok")]


def test_a_join_that_waits_is_taken_back_by_leaving() -> None:
    protocol = SocketProtocol(Version.V2)
    request = ask(protocol)
    assert frames(send(protocol, "1", "2", "events", "phx_leave", {})) == [reply("1", "2", "ok")]
    assert protocol.accept_join(request) == []
    assert protocol.topics == ()


def test_leaving_a_join_that_would_take_over_leaves_both() -> None:
    protocol = joined("1")
    request = ask(protocol, "5")
    effects = send(protocol, "5", "6", "events", "phx_leave", {})
    assert frames(effects) == [reply("5", "6", "ok"), ["1", "1", "events", "phx_close", {}]]
    assert protocol.accept_join(request) == []
    assert protocol.topics == ()


def test_a_join_asked_twice_is_answered_for_the_second() -> None:
    protocol = SocketProtocol(Version.V2)
    first, second = ask(protocol, "1"), ask(protocol, "2")
    assert protocol.accept_join(first) == []
    assert frames(protocol.accept_join(second)) == [reply("2", "2", "ok")]


def test_a_message_to_a_topic_that_is_not_joined() -> None:
    protocol = SocketProtocol(Version.V2)
    assert frames(send(protocol, "1", "2", "events", "x", {})) == [
        reply(None, "2", "error", "unmatched topic")
    ]


@pytest.mark.parametrize("event", ["x", "phx_reply", "phx_close", "phx_error", "heartbeat"])
def test_an_event_the_channel_does_not_know(event: str) -> None:
    protocol = joined("1")
    effects = send(protocol, None, "2", "events", event, {})
    assert frames(effects) == [reply(None, "2", "error", "unknown event")]
    assert protocol.topics == ("events",)


def test_a_binary_push_is_answered_with_an_error() -> None:
    protocol = joined("20")
    frame = bytes.fromhex("0002020603323032326576656e747362696e010203")
    assert frames(protocol.receive(frame)) == [reply("20", "22", "error", "unknown event")]


@pytest.mark.parametrize(("frame", "code"), [("[", 1011), ('["\ud800"', 1007), (b"\x07", 1011)])
def test_an_undecodable_frame_ends_the_socket(frame: str | bytes, code: int) -> None:
    protocol = joined("1")
    (end,) = protocol.receive(frame)
    assert isinstance(end, Disconnect)
    assert end.code == code
    assert send(protocol, None, "9", "phoenix", "heartbeat", {}) == []


def test_the_server_closes_and_breaks() -> None:
    protocol = joined("1")
    assert frames(protocol.break_channel("events")) == [
        ["1", "1", "events", "phx_error", {"reason": "channel_crash"}]
    ]
    assert protocol.close_channel("events") == []
    again = joined("1")
    assert frames(again.close_channel("events")) == [["1", "1", "events", "phx_close", {}]]


def test_version_1_joins_and_leaves() -> None:
    protocol = SocketProtocol(Version.V1)
    (request,) = protocol.receive(
        '{"topic":"events","event":"phx_join","payload":{"since":"0"},"ref":"1"}'
    )
    assert isinstance(request, JoinRequested)
    assert frames(protocol.accept_join(request)) == [
        {
            "topic": "events",
            "event": "phx_reply",
            "payload": {"status": "ok", "response": {}},
            "ref": "1",
        }
    ]
    effects = protocol.receive('{"topic":"events","event":"phx_leave","payload":{},"ref":"2"}')
    assert [frame["event"] for frame in frames(effects)] == ["phx_reply", "phx_close"]
    assert frames(effects)[1]["ref"] == "1"  # old clients compare it with the join's


class AnySocket(RuleBasedStateMachine):
    """Whatever arrives, in whatever order, the channels and what was told of them agree."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = SocketProtocol(Version.V2, max_channels=2)
        self.asked: list[JoinRequested] = []
        self.open: list[str] = []

    def take(self, effects: list[socket.Effect]) -> None:
        for effect in effects:
            match effect:
                case JoinRequested():
                    self.asked.append(effect)
                case ChannelOpened(topic):
                    self.open.append(topic)
                case ChannelClosed(topic):
                    self.open.remove(topic)
                case Send(frame):
                    assert len(json.loads(frame)) == 5
                case Disconnect():
                    raise AssertionError("no frame here is undecodable")

    @rule(
        join_ref=st.sampled_from([None, "1", "2"]),
        topic=st.sampled_from(["events", "a", "b"]),
        event=st.sampled_from(["phx_join", "phx_leave", "x"]),
    )
    def message(self, join_ref: str | None, topic: str, event: str) -> None:
        self.take(send(self.protocol, join_ref, join_ref, topic, event, {}))

    @rule(index=st.integers(0, 9), ok=st.booleans())
    def answer(self, index: int, ok: bool) -> None:
        if self.asked:
            request = self.asked[index % len(self.asked)]
            if ok:
                self.take(self.protocol.accept_join(request))
            else:
                self.take(self.protocol.refuse_join(request, "unauthorized"))

    @invariant()
    def channels_agree(self) -> None:
        assert sorted(self.open) == sorted(self.protocol.topics)
        assert len(self.open) <= 2


TestAnySocket = AnySocket.TestCase
TestAnySocket.settings = settings(max_examples=50, stateful_step_count=20)
