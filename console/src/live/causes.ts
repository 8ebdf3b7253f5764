// Why a call ended, in words: the end of a sentence that begins with who answered.

import type { Call, CallStatus, HangupCause } from "./call";

export const CAUSES: Readonly<Record<HangupCause, string>> = {
  caller_hangup: "the caller hung up",
  agent_hangup: "the agent hung up",
  api_hangup: "ended by the team",
  transferred: "transferred",
  no_answer: "no answer",
  busy: "busy",
  failed: "failed",
  idle_timeout: "nothing was said for too long",
  max_duration: "it reached its longest time",
  budget_exhausted: "the budget is used up",
  agent_error: "the agent failed",
  upstream_lost: "the agent's provider was lost",
  storage_lost: "the database was lost",
  server_lost: "the server was lost",
  server_shutdown: "the server was shut down",
  revoked: "its key was revoked",
  internal_error: "an internal error",
};

export const STATUSES: Readonly<Record<CallStatus, string>> = {
  initiated: "Beginning",
  ringing: "Ringing",
  queued: "In a queue",
  answered: "Answered",
  completed: "Completed",
  failed: "Failed",
  busy: "Busy",
  no_answer: "No answer",
  cancelled: "Given up",
};

/** Say why a call ended; its state, where the cause is not known. */
export function causeOf(call: Pick<Call, "hangupCause" | "status">): string {
  return call.hangupCause ? CAUSES[call.hangupCause] : STATUSES[call.status].toLowerCase();
}
