"""A call's bridge: it forwards audio between the legs and voices that are plugged in.

Audio does not go through the call's task. The bridge forwards it as it arrives, along the
routes that the call sets (`domain/routes.py`), and buffers are bounded both ways. Everything
else is put into the call's inbox as a signal with its sender, in the order it happened. An
interruption stops playback in the same tick; the call decides afterwards what it means.

A voice's speech is paced by the caller's leg, the first to be plugged in. Other listeners
get each chunk when it is sent to the caller. Speakers that one leg hears at the same time
are not mixed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.latency import AnswerClock
from ringline.domain.routes import NO_ROUTES, LegId, PartyId, Routes, VoiceId
from ringline.ports import Leg, LegListener, NewResampler, Tap, Voice, VoiceListener
from ringline.services.player import Pacer, now_ms
from ringline.services.plugs import AudioSink, CountAudio, LegPlug, LegSink, VoicePlug

Inbox: TypeAlias = Callable[[FromLeg | FromVoice | FromBridge], None]


class Bridge:
    """Forwards audio between a call's legs, voices and taps."""

    def __init__(
        self,
        inbox: Inbox,
        caller: LegId,
        *,
        caller_leg: Leg,
        lead_ms: float,
        new_resampler: NewResampler,
        count_audio: CountAudio | None = None,
        meter: Callable[[VoiceId, voice.VoiceSignal], None] | None = None,
    ) -> None:
        self._inbox = inbox
        self._meter = meter
        self._count_audio = count_audio
        self._new_resampler = new_resampler
        self._legs: dict[LegId, LegPlug] = {}
        self._voices: dict[VoiceId, VoicePlug] = {}
        self._taps: dict[PartyId, Tap] = {}
        self._caller = LegPlug(caller, caller_leg, report=self._on_leg_signal)
        self._legs[caller] = self._caller
        self._pacer = Pacer(
            self._caller.player,
            lead_ms,
            new_resampler=new_resampler,
            report=self._report,
            flushed=self._on_flush,
        )
        #: Takes speech (plugs.PlugListener).
        self.on_voice_audio = self._pacer.speak
        self._routes: Routes = NO_ROUTES
        self._voice: VoicePlug | None = None  # the voice that hears the caller
        self._speech_interrupts = True
        self._answers = AnswerClock()
        self._closed = False

    @property
    def last_heard(self) -> float:
        """Return when a leg last sent anything, by the event loop's clock."""
        return max(plug.last_heard for plug in self._legs.values())

    # Plugging in.

    def listener_of(self, leg_id: LegId) -> LegListener:
        """Return the listener that a leg reports to."""
        return self._legs[leg_id]

    def plug_leg(self, leg_id: LegId, leg_: Leg) -> LegListener:
        """Plug in another leg; the call's routes decide what it hears."""
        plug = self._legs[leg_id] = LegPlug(leg_id, leg_, report=self._on_leg_signal)
        self._apply_routes()
        return plug

    def plug_voice(self, voice_id: VoiceId) -> VoiceListener:
        """Create the plug that a voice will report to; call it before opening the voice."""
        plug = self._voices[voice_id] = VoicePlug(
            voice_id,
            self,
            new_resampler=self._new_resampler,
            count=self._count_audio,
            meter=None if self._meter is None else partial(self._meter, voice_id),
        )
        self._apply_routes()
        return plug

    def attach_voice(self, voice_id: VoiceId, voice_: Voice) -> None:
        """Plug in an opened voice; it hears nothing until `bridge.AttachVoice`."""
        self._voices[voice_id].attach(voice_)

    def plug_tap(self, tap_id: PartyId, tap: Tap) -> None:
        """Plug in a recorder or a detector."""
        self._taps[tap_id] = tap
        self._apply_routes()

    # What legs and voices report.

    def _on_leg_signal(self, plug: LegPlug, signal: leg.LegSignal) -> None:
        """Handle a leg's signal; turn commands reach the voice in order with the audio."""
        if self._closed or self._legs.get(plug.id) is not plug:
            return
        from_caller = plug is self._caller
        match signal:
            case (
                leg.CancelRequested()
                | leg.EndTurnRequested()
                | leg.ClearRequested()
                | leg.PlaybackTold()
                | leg.SpeechInterrupts()
            ) if not from_caller:
                pass  # only the caller controls the conversation
            case leg.CancelRequested(request):
                self._interrupt(partial(bridge.ClientCancelled, request=request))
            case leg.PlaybackTold(played_ms):
                self._pacer.told(played_ms)
            case leg.SpeechInterrupts(allowed):
                self._speech_interrupts = allowed
            case leg.EndTurnRequested():
                if self._voice is not None:
                    self._voice.end_turn()
            case leg.ClearRequested():
                # The call must see this before the voice's reply to it.
                self._inbox(FromLeg(plug.id, signal))
                if self._voice is not None:
                    self._voice.clear()
            case _:
                self._inbox(FromLeg(plug.id, signal))

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Queue text (plugs.PlugListener)."""
        self._pacer.say(response_id, delta)

    def on_voice_signal(self, plug: VoicePlug, signal: voice.VoiceSignal) -> None:
        """Handle a voice's signal (plugs.PlugListener)."""
        match signal:
            case voice.SpeechStarted(item_id, ago_ms):
                self._answers.forget()
                if self._speech_interrupts:
                    self._interrupt(partial(bridge.CallerSpoke, item_id=item_id, ago_ms=ago_ms))
                else:
                    self._report(bridge.CallerSpokeOver(item_id, ago_ms))
            case voice.SpeechStopped(ago_ms=ago_ms):
                given_at_ms = now_ms() - ago_ms
                self._answers.turn_ended(given_at_ms, plug.late_ms(given_at_ms))
                self._inbox(FromVoice(plug.id, signal))
            case voice.TurnCleared():
                self._answers.forget()
                self._inbox(FromVoice(plug.id, signal))
            case voice.ResponseDone(response_id):
                self._inbox(FromVoice(plug.id, signal))
                self._pacer.finish(response_id)
            case _:
                self._inbox(FromVoice(plug.id, signal))

    # What the call orders.

    def send(self, order: bridge.BridgeOrder) -> None:
        """Carry out an order from the call."""
        if self._closed:
            return
        match order:
            case bridge.SetRoutes(routes, caller):
                self._routes = routes
                if caller is not None and caller != self._caller.id:
                    self._pace_by(self._legs[caller])
                self._apply_routes()
            case bridge.AttachVoice(voice_id):
                self._announce_answer(voice_id)
            case bridge.PlayResponse(response_id):
                self._pacer.admit(response_id)
            case bridge.FinishResponse(response_id):
                self._pacer.finish(response_id)
            case bridge.DropResponse(response_id):
                self._pacer.drop(response_id)
            case bridge.DetachLeg(leg_id):
                if (unplugged := self._legs.pop(leg_id, None)) is not None:
                    unplugged.unplug()
                    self._apply_routes()

    def halt(self) -> bridge.Played:
        """Stop playback now; return how much of the response was played.

        The rest of the response is held until the call drops it.
        """
        return bridge.NOTHING if self._closed else self._pacer.halt()

    def close(self) -> None:
        """Unplug everything; no audio or signal passes from here on."""
        self._closed = True
        self._pacer.close()
        self._routes, self._voice = NO_ROUTES, None
        self._apply_routes()
        for plug in (*self._voices.values(), *self._legs.values(), self._caller):
            plug.unplug()
        # What holds each other by callbacks would stay in memory until the next collection.
        self._inbox = _discard
        self._taps.clear()

    def _announce_answer(self, voice_id: VoiceId) -> None:
        """Let a voice hear the caller, and unplug the voice it replaces."""
        for replaced in [id_ for id_ in self._voices if id_ != voice_id]:
            self._voices.pop(replaced).unplug()
        self._voices[voice_id].open()
        self._apply_routes()

    def _pace_by(self, plug: LegPlug) -> None:
        """Pace the voice by another leg, because the caller's has left."""
        self._caller = plug
        self._pacer.switch_to(plug.player)

    def _interrupt(
        self, signal: Callable[[bridge.Played], bridge.CallerSpoke | bridge.ClientCancelled]
    ) -> None:
        """Stop playback now; the call decides afterwards what it means."""
        self._report(signal(self.halt()))
        self._pacer.report_silence()

    def _report(self, signal: bridge.BridgeSignal) -> None:
        if isinstance(signal, bridge.ResponseAudible):
            latency = self._answers.answered(signal.came_at_ms, now_ms())
            signal = replace(signal, latency=latency)
        self._inbox(FromBridge(signal))

    def _on_flush(self, unplayed_ms: float | None) -> None:
        """Tell the taps that the caller's leg has discarded speech."""
        for tap in self._taps.values():
            tap.on_flush(unplayed_ms)

    def _apply_routes(self) -> None:
        """Connect each speaker to its listeners, as the routes say."""
        for plug in self._legs.values():
            plug.sinks = self._sinks_of(plug.id)
        audible = [
            self._sinks_of(voice_id) for voice_id in self._voices if voice_id in self._routes
        ]
        self._pacer.deliver_to(audible[-1] if audible else ())
        hearing = self._routes.get(self._caller.id, ())
        self._voice = next((self._voices[id_] for id_ in self._voices if id_ in hearing), None)

    def _sinks_of(self, speaker: PartyId) -> tuple[AudioSink, ...]:
        sinks = [self._sink(speaker, listener) for listener in self._routes.get(speaker, ())]
        return tuple(sink for sink in sinks if sink is not None)

    def _sink(self, speaker: PartyId, listener: PartyId) -> AudioSink | None:
        """Return where a speaker's audio for a listener goes; None if it is not plugged in."""
        if tap := self._taps.get(listener):
            return tap.sink(from_caller=speaker == self._caller.id)
        if plug := self._voices.get(VoiceId(listener)):
            heard = self._legs.get(LegId(speaker))
            return plug.hear if heard is None else plug.sink(heard.leg.input_hz)
        if (found := self._legs.get(LegId(listener))) is None:
            return None
        # The pacer has already counted a voice's speech on the caller's clock, at the leg's rate.
        paced = found is self._caller and speaker in self._voices
        count = self._count_audio if found is self._caller else None
        if paced and count is None:
            return found.leg.play
        play = found.leg.play if paced else found.player.play
        sink = LegSink(found.leg.output_hz, play, new_resampler=self._new_resampler, count=count)
        return sink.hear


def _discard(_: FromLeg | FromVoice | FromBridge) -> None:
    """Take the signals of a bridge that is closed."""
