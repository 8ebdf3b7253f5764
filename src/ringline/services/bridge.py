"""Where a call's audio meets: who is plugged in, and who hears whom.

Audio never waits for the call's task: it passes through here as it comes, bounded both
ways, along the routes that the call gives (`domain/routes.py`). Everything else becomes a
signal in the call's inbox, with its sender, in the order in which it happened. An
interruption stops the playing in the same tick in which it is heard; the call decides
afterwards what it means.

What a voice says is paced by the caller's leg, the first to be plugged in, and others hear
it as it leaves for the caller. Speakers that one leg hears at the same time are not mixed.
"""

from collections.abc import Callable
from typing import TypeAlias

from ringline.domain import bridge, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.audio import Chunk
from ringline.domain.routes import NO_ROUTES, LegId, PartyId, Routes, VoiceId
from ringline.ports import Leg, LegListener, NewResampler, Tap, Voice, VoiceListener
from ringline.services.player import Pacer
from ringline.services.plugs import Ear, LegEar, LegPlug, TapEar, VoicePlug
from ringline.services.resampling import RateMatcher

Inbox: TypeAlias = Callable[[FromLeg | FromVoice | FromBridge], None]


class Bridge:
    """The meeting place of a call's legs and its voice."""

    def __init__(
        self,
        inbox: Inbox,
        caller: LegId,
        caller_leg: Leg,
        lead_ms: float,
        new_resampler: NewResampler,
    ) -> None:
        self._inbox = inbox
        self._new_resampler = new_resampler
        self._legs: dict[LegId, LegPlug] = {}
        self._voices: dict[VoiceId, VoicePlug] = {}
        self._taps: dict[PartyId, Tap] = {}
        self._caller = LegPlug(caller, caller_leg, self._leg_reports)
        self._legs[caller] = self._caller
        self._speech_rate = RateMatcher(caller_leg.output_hz, new_resampler)
        self._pacer = Pacer(self._caller.player, lead_ms, self._leave, self._report)
        self._routes: Routes = NO_ROUTES
        self._voice: VoicePlug | None = None  # the one that hears the caller
        self._voice_heard_by: tuple[Ear, ...] = ()
        self._closed = False

    @property
    def last_heard(self) -> float:
        """Return when a leg last sent anything, by the event loop's clock."""
        return max(plug.last_heard for plug in self._legs.values())

    # Plugging in.

    def listener_of(self, leg_id: LegId) -> LegListener:
        """Return whom a leg reports to."""
        return self._legs[leg_id]

    def plug_leg(self, leg_id: LegId, leg_: Leg) -> LegListener:
        """Plug in another leg; the call's routes say what it hears."""
        plug = self._legs[leg_id] = LegPlug(leg_id, leg_, self._leg_reports)
        self._lay_routes()
        return plug

    def plug_voice(self, voice_id: VoiceId) -> VoiceListener:
        """Make the plug that a voice is to report to, before it is opened."""
        plug = self._voices[voice_id] = VoicePlug(voice_id, self, self._new_resampler)
        self._lay_routes()
        return plug

    def attach_voice(self, voice_id: VoiceId, voice_: Voice) -> None:
        """Plug in a voice that is open; it hears nothing before the line is."""
        self._voices[voice_id].attach(voice_)

    def plug_tap(self, tap_id: PartyId, tap: Tap) -> None:
        """Plug in a recorder or a detector."""
        self._taps[tap_id] = tap
        self._lay_routes()

    # What legs and voices report.

    def _leg_reports(self, plug: LegPlug, signal: leg.LegSignal) -> None:
        """Take a signal of a leg; what is about the caller's audio keeps its place in it."""
        if self._closed or self._legs.get(plug.id) is not plug:
            return
        steers = plug is self._caller
        match signal:
            case leg.CancelWanted() | leg.TurnEndWanted() | leg.ClearWanted() if not steers:
                pass  # the conversation is the caller's
            case leg.CancelWanted():
                self._interrupt(bridge.CancelAsked)
            case leg.TurnEndWanted():
                if self._voice is not None:
                    self._voice.end_turn()
            case leg.ClearWanted():
                self._inbox(FromLeg(plug.id, signal))  # before what the voice says to it
                if self._voice is not None:
                    self._voice.clear()
            case _:
                self._inbox(FromLeg(plug.id, signal))

    def voice_speaks(self, plug: VoicePlug, response_id: str, chunk: Chunk) -> None:
        """Take speech (plugs.VoiceReports)."""
        matched = self._speech_rate.match(chunk)
        if matched.pcm:
            self._pacer.speak(response_id, matched)

    def voice_says(self, response_id: str, delta: str) -> None:
        """Take text (plugs.VoiceReports)."""
        self._pacer.say(response_id, delta)

    def voice_reports(self, plug: VoicePlug, signal: voice.VoiceSignal) -> None:
        """Take a signal of a voice (plugs.VoiceReports)."""
        match signal:
            case voice.SpeechStarted():
                self._interrupt(bridge.CallerSpoke)
            case voice.ResponseDone(response_id):
                self._inbox(FromVoice(plug.id, signal))
                self._speech_rate.restart()
                self._pacer.finish(response_id)
            case _:
                self._inbox(FromVoice(plug.id, signal))

    # What the call orders.

    def tell(self, order: bridge.BridgeOrder) -> None:
        """Carry out an order of the call."""
        if self._closed:
            return
        match order:
            case bridge.Route(routes, caller):
                self._routes = routes
                if caller is not None and caller != self._caller.id:
                    self._follow(self._legs[caller])
                self._lay_routes()
            case bridge.OpenLine(voice_id):
                self._open_line(voice_id)
            case bridge.Admit(response_id):
                self._pacer.admit(response_id)
            case bridge.Finish(response_id):
                self._pacer.finish(response_id)
            case bridge.Drop(response_id):
                self._pacer.drop(response_id)
            case bridge.Unplug(leg_id):
                self._legs.pop(leg_id).heard_by = ()
                self._lay_routes()

    def halt(self) -> int:
        """Stop playing now; return how much of the response was played, in milliseconds.

        Nothing more of it leaves; it waits for the call to drop it.
        """
        return 0 if self._closed else self._pacer.halt()

    def close(self) -> None:
        """Let go of everybody; nothing moves any more."""
        self._closed = True
        self._pacer.close()
        for plug in self._voices.values():
            plug.pull()
        self._routes, self._voice = NO_ROUTES, None
        self._lay_routes()

    def _open_line(self, voice_id: VoiceId) -> None:
        """Let a voice hear; one that it replaces is heard no more."""
        for other in [id_ for id_ in self._voices if id_ != voice_id]:
            self._voices.pop(other).pull()
        self._voices[voice_id].open()

    def _follow(self, plug: LegPlug) -> None:
        """Pace the voice by another leg: the caller's is gone, and somebody else is left."""
        self._caller = plug
        self._speech_rate = RateMatcher(plug.leg.output_hz, self._new_resampler)
        self._pacer.follow(plug.player)

    def _interrupt(self, signal: Callable[[int], bridge.CallerSpoke | bridge.CancelAsked]) -> None:
        """Stop playing now; the call decides afterwards what it means."""
        self._report(signal(self.halt()))
        self._pacer.fall_silent()

    def _report(self, signal: bridge.BridgeSignal) -> None:
        self._inbox(FromBridge(signal))

    def _leave(self, chunk: Chunk) -> None:
        """Let speech of the voice leave for everybody who hears it."""
        for ear in self._voice_heard_by:
            ear.hear(chunk)

    def _lay_routes(self) -> None:
        """Connect everybody to those who hear them."""
        for plug in self._legs.values():
            plug.heard_by = self._ears(plug.id)
        heard = [self._ears(voice_id) for voice_id in self._voices if voice_id in self._routes]
        self._voice_heard_by = heard[-1] if heard else ()
        hearing = self._routes.get(self._caller.id, ())
        self._voice = next((self._voices[id_] for id_ in self._voices if id_ in hearing), None)

    def _ears(self, speaker: PartyId) -> tuple[Ear, ...]:
        ears = [self._ear(speaker, listener) for listener in self._routes.get(speaker, ())]
        return tuple(ear for ear in ears if ear is not None)

    def _ear(self, speaker: PartyId, listener: PartyId) -> Ear | None:
        """Return how a listener hears a speaker; None for one that is not plugged in."""
        if tap := self._taps.get(listener):
            return TapEar(speaker, tap)
        if plug := self._voices.get(VoiceId(listener)):
            return plug
        if (found := self._legs.get(LegId(listener))) is None:
            return None
        paced = found is self._caller and speaker in self._voices  # its clock has run
        play = found.leg.play if paced else found.player.play
        return LegEar(found.leg.output_hz, play, self._new_resampler)
