"""The leg of a realtime session: limits, order, and a client that does not read."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ringline.domain import leg
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.session_config import EffectiveConfig
from ringline.legs.outgoing import (
    MAX_WAITING_BYTES,
    MAX_WAITING_FRAMES,
    MAX_WAITING_SPEECH_MS,
)
from ringline.legs.realtime import RealtimeLeg
from tests import clock
from tests.samples import new_id
from tests.talking import CAPABILITIES, INPUT_HZ, speech

SHOWN = EffectiveConfig(
    SessionConfig(input_transcription=True, output_transcription=True), CAPABILITIES
)
HEARD = replace(SHOWN, config=SessionConfig(input_transcription=True))
SAID = replace(SHOWN, config=SessionConfig(output_transcription=True))
WRITTEN = replace(SHOWN, config=SessionConfig(modalities=(Modality.AUDIO, Modality.TEXT)))
STARTED = leg.SessionStarted(new_id(), "uuid")


@dataclass
class Client:
    """The socket, its client, and the call's listener."""

    paused: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    signals: list[leg.LegSignal] = field(default_factory=list[leg.LegSignal])
    frames: int = 0
    heard: list[Chunk] = field(default_factory=list[Chunk])

    def send_text(self, payload: bytes) -> None:
        self.sent.append(json.loads(payload))

    def on_leg_frame(self) -> None:
        self.frames += 1

    def on_leg_signal(self, signal: leg.LegSignal) -> None:
        self.signals.append(signal)

    def on_leg_audio(self, chunk: Chunk) -> None:
        self.heard.append(chunk)

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.sent]

    @property
    def codes(self) -> list[str]:
        return [frame["error"]["code"] for frame in self.sent if "error" in frame]

    @property
    def heard_ms(self) -> float:
        return sum(chunk.duration_ms for chunk in self.heard)


def frame(type_: str, **members: object) -> str:
    """Write an event as browsers do."""
    return json.dumps({"type": type_, **members}, separators=(",", ":"))


def spaced(type_: str, **members: object) -> str:
    """Write an event as Python does."""
    return json.dumps({"type": type_, **members})


def append(duration_ms: float) -> str:
    pcm = speech(duration_ms, INPUT_HZ).pcm
    return frame("audio.append", audio=b64encode(pcm).decode())


CREATE = frame("response.create")


def run(
    main: Callable[[RealtimeLeg, Client], Coroutine[Any, Any, None]],
    session: EffectiveConfig = SHOWN,
    events_per_window: int = 100,
) -> None:
    async def whole() -> None:
        client = Client()
        line = RealtimeLeg(client, session, events_per_window=events_per_window)
        line.report_to(client)
        await main(line, client)

    clock.run(whole())


def test_audio_as_most_clients_write_it_is_not_parsed() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        audio = b64encode(speech(40, INPUT_HZ).pcm).decode()
        for write in (frame, spaced):
            assert line.receive_audio(bytearray(write("audio.append", audio=audio).encode()))
        assert client.heard == [Chunk(speech(40, INPUT_HZ).pcm, INPUT_HZ, audio.encode())] * 2
        for other in (frame("audio.append", audio="?"), frame("audio.commit")):
            assert not line.receive_audio(bytearray(other.encode()))
        long = frame("audio.append", audio=b64encode(speech(8_000, INPUT_HZ).pcm).decode())
        for _ in range(3):
            assert line.receive_audio(bytearray(long.encode()))
        assert client.codes == ["invalid_audio"], "it comes too fast"
        assert len(client.heard) == 4
        line.lost()
        assert line.receive_audio(bytearray(frame("audio.append", audio=audio).encode()))
        assert len(client.heard) == 4

    run(main)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        (frame("text.input", text="hi"), leg.Typed("hi")),
        (CREATE, leg.ResponseRequested()),
        (frame("response.cancel"), leg.CancelRequested()),
        (frame("audio.commit"), leg.EndTurnRequested()),
        (frame("audio.clear"), leg.ClearRequested()),
        (
            frame("tool.result", tool_call_id="c", tool_result={"ok": 1}),
            leg.ToolAnswered("c", '{"ok":1}'),
        ),
    ],
)
def test_what_the_client_says_becomes_a_signal(text: str, signal: leg.LegSignal) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(text)
        assert (client.signals, client.sent) == ([signal], [])

    run(main)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_event"),
        (frame("no.such"), "unknown_event"),
        (frame("text.input"), "invalid_event"),
        (frame("session.start", config={}), "session_already_started"),
        (frame("audio.append", audio="?"), "invalid_audio"),
        (frame("session.update", config={"voice": "nobody"}), "unsupported_voice"),
        (frame("session.update", config={"model": "other/model"}), "immutable_field"),
        (frame("session.update", config={"turn_detection": 7}), "invalid_config"),
        (frame("image.input", image_url="data:image/png;base64,AAAA"), "image_input_unsupported"),
        (append(10_001), "invalid_audio"),
    ],
)
def test_what_is_wrong_is_answered_and_the_session_lives(text: str, code: str) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(text)
        assert client.types == ["error"]
        assert client.codes == [code]
        line.receive(CREATE)
        assert client.signals == [leg.ResponseRequested()]
        assert client.heard == []

    run(main)


def test_a_config_is_changed_member_by_member() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(frame("session.update", config={"instructions": "be brief"}))
        line.receive(frame("session.update", config={"input_transcription": False, "voise": "x"}))
        first, second = client.signals
        assert isinstance(first, leg.ConfigChanged)
        assert (first.config.instructions, first.config.input_transcription) == ("be brief", True)
        assert isinstance(second, leg.ConfigChanged)
        assert second.config.instructions == "be brief"
        assert not second.config.input_transcription
        assert len(second.warnings) == 1
        assert client.sent == []
        line.send(leg.TurnTranscribed("still shown"))
        line.send(leg.ConfigUpdated(second.config, second.warnings))
        line.send(leg.TurnTranscribed("no longer"))
        assert client.types == ["transcript.committed", "session.updated"]
        assert client.sent[1]["config"]["instructions"] == "be brief"
        assert client.sent[1]["warnings"] == list(second.warnings)

    run(main, replace(SHOWN, members={"input_transcription": True}))


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ({"image_url": "data:image/png;base64,AAAA"}, None),
        ({"image_url": "https://example.com/a.png"}, "invalid_image"),
        ({"image_url": 7}, "invalid_image"),
    ],
)
def test_an_image_is_passed_on_if_the_model_sees(
    image: dict[str, object], code: str | None
) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(frame("image.input", **image, text="a map"))
        if code is None:
            assert client.signals == [leg.ImageShown(str(image["image_url"]), "auto", "a map")]
        assert client.codes == ([] if code is None else [code])

    run(main, replace(SHOWN, capabilities=replace(CAPABILITIES, images=True)))


@pytest.mark.parametrize("spell", [frame, spaced])
def test_audio_keeps_its_spelling_and_odd_bytes_are_carried_over(
    spell: Callable[..., str],
) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(spell("audio.append", audio=""))
        line.receive(spell("audio.append", audio="AQID"))
        line.receive(spell("audio.append", audio="BAUG"))
        line.receive(spell("audio.append", audio="BwgJCg=="))
        assert b"".join(chunk.pcm for chunk in client.heard) == bytes(range(1, 11))
        assert [chunk.base64 for chunk in client.heard] == [None, None, b"BwgJCg=="]
        assert client.sent == []

    run(main)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type":"audio.append","audio":"AA\\/="}', None),  # as PHP writes a slash
        ('{"type":"audio.append","audio":"AA==","audio":"AAA="}', None),
        ('{"type":"audio.append","audio":"A-=="}', "invalid_audio"),
        ('{"type":"audio.append","audio":"AA\n="}', "invalid_json"),
        ('{"type":"audio.append","audio":"AA="="}', "invalid_json"),
        ('{"type":"audio.append","audio":"\\u0000"}', "invalid_json"),
    ],
)
def test_audio_that_is_not_only_base64_is_read_as_json(text: str, code: str | None) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(text)
        assert client.codes == ([] if code is None else [code])
        assert len(client.heard) == (code is None)

    run(main)


def test_every_frame_says_that_somebody_is_there() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        for number, text in enumerate(
            [CREATE, frame("audio.append", audio=""), frame("audio.append", audio="AQ=="), "?"], 1
        ):
            line.receive(text)
            assert client.frames + len(client.heard) == number
        line.receive(append(20))
        assert client.frames + len(client.heard) >= 5, "by the audio itself"

    run(main)


def test_clearing_forgets_the_odd_byte_too() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive(frame("audio.append", audio="AQID"))
        line.receive(frame("audio.clear"))
        line.receive(frame("audio.append", audio="BAU="))
        assert [chunk.pcm for chunk in client.heard] == [b"\1\2", b"\4\5"]

    run(main)


# Limits.


def test_control_events_are_limited_and_audio_is_not() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        for _ in range(102):
            line.receive(CREATE)
            line.receive(append(1))
        assert len(client.signals) == 100
        assert client.codes == ["rate_limited"] * 2
        assert len(client.heard) == 102
        await asyncio.sleep(9.9)
        line.receive(CREATE)
        assert len(client.signals) == 100
        await asyncio.sleep(0.2)
        line.receive(CREATE)
        assert len(client.signals) == 101

    run(main)


def test_0_is_no_limit() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        for _ in range(1_000):
            line.receive(CREATE)
        assert len(client.signals) == 1_000

    run(main, events_per_window=0)


def test_audio_that_arrives_too_fast_is_refused() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        for _ in range(5):
            line.receive(append(5_000))
        assert client.heard_ms == 20_000, "10 s at twice real time may come at once"
        assert client.codes == ["invalid_audio"]
        for _ in range(100):
            await asyncio.sleep(1)
            line.receive(append(2_000))
        assert client.heard_ms == 220_000
        for _ in range(100):
            await asyncio.sleep(1)
            line.receive(append(3_000))
        assert client.heard_ms <= 420_000
        assert client.heard_ms > 400_000

    run(main)


def test_audio_in_real_time_is_never_refused() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        for _ in range(3_000):
            await asyncio.sleep(0.085)
            line.receive(append(85))
        assert client.sent == []

    run(main)


def test_the_third_binary_frame_ends_the_session() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive_binary()
        line.receive_binary()
        assert client.codes == ["binary_not_supported"] * 2
        assert client.signals == []
        line.receive_binary()
        line.receive_binary()
        assert client.signals == [leg.LegFailed(EndCause.LEG_UNSUPPORTED_DATA)]
        line.send(leg.HangUp(EndCause.LEG_UNSUPPORTED_DATA))
        assert client.types[-1] == "session.terminating"

    run(main)


def test_a_frame_that_is_too_large_ends_the_session() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.receive_oversized()
        assert client.signals == [leg.LegFailed(EndCause.LEG_MESSAGE_TOO_LARGE)]

    run(main)


# What the client is told.


def test_warnings_are_told_with_the_start() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.send(STARTED)
        assert client.sent[0]["warnings"] == ["config is odd"]

    run(main, replace(SHOWN, warnings=("config is odd",)))


@pytest.mark.parametrize(("input_hz", "output_hz"), [(16_000, 24_000), (8_000, 8_000)])
def test_the_client_is_told_the_rates_of_its_own_leg(input_hz: int, output_hz: int) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.send(STARTED)
        (told,) = client.sent
        rates = (told["input_sample_rate"], told["output_sample_rate"])
        assert rates == (line.input_hz, line.output_hz) == (input_hz, output_hz)
        assert told.get("sample_rate") == (input_hz if input_hz == output_hz else None)

    capabilities = replace(CAPABILITIES, input_hz=input_hz, output_hz=output_hz)
    run(main, replace(SHOWN, capabilities=capabilities))


def test_order_is_kept_while_the_client_does_not_read() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.send(STARTED)
        client.paused = True
        line.send(leg.AgentStarted())
        for number in range(5):
            line.play(speech(100))
            line.send(leg.AgentSaid(str(number)))
        line.send(leg.AgentFinished())
        assert client.types == ["session.started"]
        client.paused = False
        line.play(speech(100))
        assert client.types == ["session.started"], "nothing overtakes what waits"
        line.drained()
        pairs = ["audio.delta", "text.delta"] * 5
        assert client.types[1:] == [
            "response.started",
            *pairs,
            "response.completed",
            "audio.delta",
        ]

    run(main)


def test_a_socket_that_fills_up_again_keeps_the_rest() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        for _ in range(3):
            line.play(speech(100))
        send_text = client.send_text

        def fill_up(payload: bytes) -> None:
            send_text(payload)
            client.paused = True

        client.send_text = fill_up
        for sent in range(1, 4):
            client.paused = False
            line.drained()
            assert len(client.sent) == sent

    run(main)


def test_the_oldest_speech_is_dropped_and_nothing_else() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        line.send(leg.AgentStarted())
        for mark in range(30):
            line.play(speech(100, mark=mark + 1))
            line.send(leg.AgentSaid(str(mark)))
        line.play(speech(1_500, mark=99))
        client.paused = False
        line.drained()
        played = [sent["audio"] for sent in client.sent if sent["type"] == "audio.delta"]
        kept = [*(speech(100, mark=mark) for mark in range(26, 31)), speech(1_500, mark=99)]
        assert played == [chunk.as_base64().decode() for chunk in kept]
        assert client.types.count("text.delta") == 30
        assert sum(chunk.duration_ms for chunk in kept) <= MAX_WAITING_SPEECH_MS

    run(main)


def test_a_flush_discards_speech_and_keeps_other_frames() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        line.play(speech(1_900))
        line.send(leg.AgentSaid("hi"))
        line.play(speech(100))
        line.flush()
        line.send(leg.CallerStarted())
        line.play(speech(1_900))
        client.paused = False
        line.drained()
        assert client.types == ["text.delta", "speech.started", "audio.delta"]

    run(main)


def test_a_session_whose_client_does_not_read_ends() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        for _ in range(MAX_WAITING_FRAMES):
            line.send(leg.AgentSaid("x"))
            line.play(speech(1))
        assert client.signals == []
        line.send(leg.AgentSaid("x"))
        line.send(leg.AgentSaid("x"))
        assert client.signals == [leg.LegFailed(EndCause.LEG_TOO_SLOW)]

    run(main)


def test_waiting_frames_are_bounded_in_bytes() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        for _ in range(3):
            line.send(leg.TurnTranscribed("x" * (MAX_WAITING_BYTES // 4)))
        assert client.signals == []
        line.send(leg.TurnTranscribed("x" * (MAX_WAITING_BYTES // 4)))
        assert client.signals == [leg.LegFailed(EndCause.LEG_TOO_SLOW)]

    run(main)


@pytest.mark.parametrize(
    ("session", "shown"),
    [
        (SHOWN, ["transcript.committed", "text.delta"]),
        (SAID, ["text.delta"]),
        (WRITTEN, ["text.delta"]),
        (HEARD, ["transcript.committed"]),
    ],
)
def test_transcripts_are_told_where_the_config_asks(
    session: EffectiveConfig, shown: list[str]
) -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.send(leg.TurnTranscribed("hello"))
        line.send(leg.AgentSaid("hi"))
        assert client.types == shown

    run(main, session)


# The end.


def test_terminating_is_the_last_frame() -> None:  # O10
    async def main(line: RealtimeLeg, client: Client) -> None:
        line.send(leg.AgentStarted())
        line.send(leg.HangUp(EndCause.MAX_DURATION))
        assert (await line.hung_up).code == "max_duration"
        line.send(leg.AgentFinished())
        line.send(leg.HangUp(EndCause.INTERNAL_ERROR))
        line.play(speech(100))
        line.receive(CREATE)
        line.receive(append(20))
        line.receive("{")
        line.lost()
        assert client.types == ["response.started", "session.terminating"]
        assert client.codes == ["max_duration"]
        assert (client.signals, client.heard) == ([], [])

    run(main)


def test_waiting_frames_are_sent_before_the_close_to_a_client_that_does_not_read() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        line.play(speech(100))
        line.send(leg.AgentFinished())
        line.send(leg.HangUp(EndCause.ENDED_BY_API))
        assert client.types == ["audio.delta", "response.completed", "session.terminating"]

    run(main)


def test_a_lost_connection_is_reported_once_and_nothing_is_sent_to_it() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        client.paused = True
        line.send(leg.AgentStarted())
        line.lost()
        line.lost()
        client.paused = False
        line.drained()
        line.send(leg.AgentFinished())
        line.play(speech(100))
        assert client.signals == [leg.Left()]
        assert client.sent == []
        assert not line.hung_up.done()

    run(main)


def test_speech_at_another_rate_than_the_leg_plays_is_a_defect() -> None:
    async def main(line: RealtimeLeg, client: Client) -> None:
        with pytest.raises(AssertionError, match="resampled"):
            line.play(speech(20, INPUT_HZ))
        line.play(speech(20))
        assert client.types == ["audio.delta"]

    run(main)
