import type { SessionEnd } from "./types.js";

export type VoiceErrorCode =
  | "not_started"
  | "not_running"
  | "microphone_denied"
  | "microphone_missing"
  | "microphone_busy"
  | "microphone_unavailable"
  | "microphone_lost"
  | "player_unavailable";

/** What went wrong: a code for programs, a sentence for people. */
export class VoiceError extends Error {
  override readonly name = "VoiceError";
  readonly code: VoiceErrorCode;
  /** Of `not_started`: how the session ended instead. */
  readonly end: SessionEnd | null;

  constructor(code: VoiceErrorCode, message: string, end: SessionEnd | null = null) {
    super(message);
    this.code = code;
    this.end = end;
  }
}
