// A spoken conversation with an agent: a session, a microphone, a player, and what both sides
// said. `join.js` makes one file of it, which a page imports without a bundler.

export { VoiceError } from "./voice/errors.js";
export { MICROPHONE_WORKLET } from "./voice/worklet.js";
export { Microphone } from "./voice/microphone.js";
export { decodeAudio } from "./voice/pcm.js";
export { Player } from "./voice/player.js";
export { Resampler } from "./voice/resampler.js";
export { createVoiceSession } from "./voice/session.js";
export type { VoiceErrorCode } from "./voice/errors.js";
export type {
  AudioSink,
  MicrophoneDevice,
  MicrophoneEvents,
  MicrophoneOptions,
} from "./voice/microphone.js";
export type { AudioSource, PlayerEnd, PlayerOptions, SoundContext } from "./voice/player.js";
export type { VoiceSession } from "./voice/session.js";
export type { MintedTicket, Ticket, TicketSource } from "./voice/ticket.js";
export type { ToolFunction } from "./voice/tools.js";
export type {
  SessionEnd,
  SessionStarted,
  SessionState,
  Latency,
  Turn,
  VoiceSessionEvents,
  VoiceSessionOptions,
} from "./voice/types.js";
export type {
  ClientEvent,
  ServerEvent,
  ServerEvents,
  SessionConfig,
  SessionEndCode,
  SessionErrorCode,
} from "./realtime.js";
export type { WebSocketClass } from "./websocket.js";
