// A call as the console sees it. The reducer makes it from events, `listCalls` begins it; all
// times are in milliseconds since the epoch, by the server's clock.

import type { CallParticipant, Call as CallRow } from "@ringline/sdk";

export type CallStatus = NonNullable<CallRow["status"]>;
export type HangupCause = NonNullable<CallRow["hangupCause"]>;
export type ParticipantRole = CallParticipant["role"];

/** Whoever speaks: the caller, the agent, or a person of the team. */
export type Speaker = "caller" | "agent" | "person";

export interface Latency {
  totalMs: number;
  voiceMs: number;
  gatewayMs: number;
}

export interface Turn {
  /** The item's id and its part: the same in deltas, finished turns and `listCallTranscripts`. */
  id: string;
  who: Speaker;
  text: string;
  /** What was heard of a turn that was cut off; null for others, and where nobody knows. */
  heard: string | null;
  interrupted: boolean;
  recognized: boolean;
  latency: Latency | null;
  /** When its speech began, and when it was final or has got to. */
  from: number;
  to: number;
  isFinal: boolean;
  /** When which number of characters came, while one could watch. */
  deltas: readonly (readonly [at: number, characters: number])[];
  /** The number of the last delta in `text`; -1 before the first. */
  sequence: number;
  /** The offset of its event; 0 while it grows, and for one that was read with `listCallTranscripts`. */
  offset: number;
}

export interface Participant {
  memberUuid: string;
  role: ParticipantRole;
  joinedAt: number | null;
  leftAt: number | null;
}

export type AuditKind = "handoff" | "policy" | "error" | "note";

/** What happened besides talk; each has the id of its event, which makes it one. */
export type Mark = { id: string; offset: number; at: number } & (
  | { kind: "tool_call"; name: string; toolCallId: string | null; detail: object }
  | { kind: "tool_result"; name: string; toolCallId: string | null; detail: object }
  | { kind: "cut"; heard: string; atMs: number }
  | { kind: "joined" | "left"; role: ParticipantRole }
  | { kind: "held" | "resumed" }
  | { kind: "silence"; silenceMs: number }
  | { kind: "transferred"; destination: string }
  | { kind: AuditKind; code: string; detail: object }
);

export interface Call {
  uuid: string;
  id: string | null;
  direction: "inbound" | "outbound";
  from: string;
  to: string;
  agentId: string | null;
  agentName: string | null;
  model: string | null;
  conversationId: string | null;
  /** The contact whose number the other party has. */
  contactName: string | null;
  status: CallStatus;
  held: boolean;
  startedAt: number | null;
  answeredAt: number | null;
  endedAt: number | null;
  hangupCause: HangupCause | null;
  participants: readonly Participant[];
  /** In the order in which they were said. */
  turns: readonly Turn[];
  marks: readonly Mark[];
  /** The offset of the last event that is in here. */
  offset: number;
}

/** The states in which a call has ended. */
const LAST: ReadonlySet<CallStatus> = new Set([
  "completed",
  "failed",
  "busy",
  "no_answer",
  "cancelled",
]);

export function hasEnded(call: Pick<Call, "status">): boolean {
  return LAST.has(call.status);
}

/** How far a state is on its way; a call never goes back. Ringing and queued may alternate. */
const PROGRESS: Readonly<Record<CallStatus, number>> = {
  initiated: 0,
  ringing: 1,
  queued: 1,
  answered: 2,
  completed: 3,
  failed: 3,
  busy: 3,
  no_answer: 3,
  cancelled: 3,
};

/** Return the state of a call that is told another one: never an earlier one, nor after its last. */
export function forward(from: CallStatus, to: CallStatus): CallStatus {
  if (LAST.has(from)) return from;
  return PROGRESS[to] >= PROGRESS[from] ? to : from;
}

/** Return the number or address of the other party. */
export function otherParty(call: Pick<Call, "direction" | "from" | "to">): string {
  return call.direction === "inbound" ? call.from : call.to;
}

/** Return whether the other party is on a page or in an app, and so has no number. */
export function isOnTheWeb(call: Parameters<typeof otherParty>[0]): boolean {
  return otherParty(call).startsWith("web:");
}

/** Return the name of the other party: the contact's, or their number. */
export function callerName(call: Call): string {
  if (call.contactName) return call.contactName;
  const number = otherParty(call);
  if (number === "web:anonymous") return "Web caller";
  return number.startsWith("web:") ? number.slice("web:".length) : number || "Unknown";
}

/** Return who answers: the agent, or else a person of the team. */
export function answererName(call: Call): string {
  if (call.agentName) return call.agentName;
  if (call.model) return call.model;
  if (call.agentId !== null) return "An agent";
  if (withPerson(call)) return "A person";
  return hasEnded(call) ? "Nobody" : "Nobody yet";
}

/** Return whether a person of the team is on the line. */
export function withPerson(call: Call): boolean {
  return call.participants.some(
    ({ role, leftAt }) => leftAt === null && (role === "operator" || role === "supervisor"),
  );
}

/** Return whether an agent is on the line. */
export function withAgent(call: Call): boolean {
  return call.participants.some(({ role, leftAt }) => leftAt === null && role === "ai_agent");
}

/** Return whether the agent was paused: a person has the call, and the caller hears no agent. */
export function isPaused(call: Call): boolean {
  return !hasEnded(call) && withAgent(call) && withPerson(call);
}
