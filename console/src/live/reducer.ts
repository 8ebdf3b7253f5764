// What an event makes of a call: pure, and the same for what the feed pushes and `listEvents`
// lists. An event that is already in a call changes nothing, so past and present may overlap.

import type { LogEvent, LogEvents } from "@ringline/sdk";
import { MS_A_CHARACTER } from "../line/pieces";
import {
  type Call,
  forward,
  hasEnded,
  type Mark,
  type Participant,
  type Speaker,
  type Turn,
} from "./call";

/** An event of a call. */
export type CallEvent = Extract<LogEvent, { callUuid: string }>;

type Data<Name extends keyof LogEvents> = LogEvents[Name]["data"];

/** How much of a call is kept. */
export interface Kept {
  turns: number;
  marks: number;
  /** Of each turn. */
  deltas: number;
  /** For how many milliseconds; the latest turns stay. */
  ms: number;
}

/** A row of the board shows the last minute; it need not remember an hour. */
export const BOARD: Kept = { turns: 40, marks: 80, deltas: 240, ms: 60_000 };
export const WHOLE: Kept = { turns: Infinity, marks: Infinity, deltas: 2000, ms: Infinity };
/** How many turns stay however long ago they were. */
const LATEST = 6;

export function isCallEvent(event: LogEvent): event is CallEvent {
  return event.callUuid !== null;
}

/** Return the offset of an event in the log; null of one that has no place there. */
export function offsetOf(event: LogEvent): number | null {
  return "offset" in event ? event.offset : null;
}

/**
 * Return a call after an event; `call` itself if the event is in it, or cannot change it. A delta
 * alone makes no call: it has come late, and its call is gone.
 */
export function reduce(
  call: Call | undefined,
  event: CallEvent,
  kept: Kept = WHOLE,
): Call | undefined {
  const offset = offsetOf(event);
  if (offset === null) return call && changed(call, event, kept);
  if (call && offset <= call.offset) return call;
  return { ...changed(call ?? blank(event), event, kept), offset };
}

/** Return a call of which nothing is known but what each of its events repeats. */
export function blank({ callUuid, data }: CallEvent): Call {
  return {
    uuid: callUuid,
    id: data.callId,
    direction: data.direction,
    from: data.fromNumber,
    to: data.toNumber,
    agentId: data.aiAgentId,
    agentName: null,
    model: data.model,
    conversationId: data.conversationId,
    contactName: null,
    status: "initiated",
    held: false,
    startedAt: null,
    answeredAt: null,
    endedAt: null,
    hangupCause: null,
    participants: [],
    turns: [],
    marks: [],
    offset: 0,
  };
}

function changed(call: Call, event: CallEvent, kept: Kept): Call {
  const at = time(event.occurredAt);
  switch (event.type) {
    case "call.created":
      return {
        ...reported(call, event.data),
        contactName: event.data.contact?.fullName ?? call.contactName,
        startedAt: time(event.data.startedAt),
      };
    case "call.ringing":
      return {
        ...reported(call, event.data),
        startedAt: maybe(event.data.startedAt) ?? call.startedAt,
      };
    case "call.answered":
      return {
        ...reported(call, event.data),
        startedAt: time(event.data.startedAt),
        answeredAt: time(event.data.answeredAt),
      };
    case "call.participant_joined":
    case "call.participant_left":
      return withParticipant(call, event, kept);
    case "call.transcript_delta":
      return hasEnded(call) ? call : withDelta(call, event, kept);
    case "call.turn_completed":
      return withTurn(call, spoken(call, event), kept);
    case "call.held":
      return marked({ ...call, held: true }, { ...place(event), kind: "held" }, kept);
    case "call.resumed":
      return marked({ ...call, held: false }, { ...place(event), kind: "resumed" }, kept);
    case "call.barge_in": {
      const { spokenText, atMs } = event.data;
      return marked(call, { ...place(event), kind: "cut", heard: spokenText, atMs }, kept);
    }
    case "call.idle_silence": {
      const { silenceMs } = event.data;
      return marked(call, { ...place(event), kind: "silence", silenceMs }, kept);
    }
    case "call.transferred": {
      const { destination } = event.data;
      return marked(call, { ...place(event), kind: "transferred", destination }, kept);
    }
    case "call.audit":
      return marked(call, audited(event), kept);
    case "call.ended":
      return ended(call, event.data, at);
  }
}

/** Take what every event says of its call, and a state if it is not an earlier one. */
function reported(call: Call, data: Data<"call.created" | "call.ringing" | "call.answered">): Call {
  const { agentName } = call;
  return {
    ...call,
    id: data.callId,
    agentId: data.aiAgentId,
    agentName: data.aiAgentId === call.agentId ? agentName : null,
    model: data.model,
    conversationId: data.conversationId,
    status: forward(call.status, data.status),
  };
}

function ended(call: Call, data: Data<"call.ended">, at: number): Call {
  return {
    ...call,
    status: forward(call.status, data.status),
    held: false,
    startedAt: time(data.startedAt),
    answeredAt: maybe(data.answeredAt),
    endedAt: time(data.endedAt),
    hangupCause: data.hangupCause,
    participants: call.participants.map((one) => ({ ...one, leftAt: one.leftAt ?? at })),
    // What was not finished will never be: its last words came with another turn, or not at all.
    turns: call.turns.filter((turn) => turn.isFinal),
  };
}

function withParticipant(
  call: Call,
  event: LogEvents["call.participant_joined"] | LogEvents["call.participant_left"],
  kept: Kept,
): Call {
  const { memberUuid, role, joinedAt } = event.data;
  const known = call.participants.find((other) => other.memberUuid === memberUuid);
  const left = event.type === "call.participant_left" ? time(event.data.leftAt) : null;
  const one: Participant = {
    memberUuid,
    role,
    joinedAt: time(joinedAt),
    leftAt: left ?? known?.leftAt ?? null, // nobody comes twice
  };
  const since = time(event.occurredAt) - kept.ms;
  const participants = (
    known
      ? call.participants.map((other) => (other === known ? one : other))
      : [...call.participants, one]
  ).filter(({ leftAt }) => leftAt === null || leftAt >= since);
  const kind = left === null ? "joined" : "left";
  return marked({ ...call, participants }, { ...place(event), kind, role }, kept);
}

// -- what is said ---------------------------------------------------------------------------

/** Return the id of a turn: of its item, and of the part of it if there are several. */
export function turnId(itemId: string, contentIndex: number): string {
  return contentIndex === 0 ? itemId : `${itemId}/${contentIndex}`;
}

export function speakerOf(role: string): Speaker {
  if (role === "user") return "caller";
  return role === "operator" ? "person" : "agent";
}

function withDelta(call: Call, event: LogEvents["call.transcript_delta"], kept: Kept): Call {
  const { itemId, contentIndex, role, text, delta, sequence } = event.data;
  const id = turnId(itemId, contentIndex);
  const last = call.turns.find((turn) => turn.id === id);
  if (last && (last.isFinal || last.sequence >= sequence)) return call;
  const at = time(event.occurredAt);
  const came = [...(last?.deltas ?? []), [at, delta.length] as const];
  return withTurn(
    call,
    {
      id,
      who: speakerOf(role),
      text,
      heard: null,
      interrupted: false,
      recognized: true,
      latency: null,
      from: last?.from ?? at,
      to: at,
      isFinal: false,
      deltas: came.slice(-kept.deltas),
      sequence,
      offset: 0,
    },
    kept,
  );
}

function spoken(call: Call, event: LogEvents["call.turn_completed"]): Turn {
  const { itemId, contentIndex, role, text, interrupted, spokenText, recognized } = event.data;
  const id = turnId(itemId, contentIndex);
  const last = call.turns.find((turn) => turn.id === id);
  const from = time(event.occurredAt);
  const deltas = last?.deltas ?? [];
  return {
    id,
    who: speakerOf(role),
    text,
    heard: spokenText,
    interrupted,
    recognized,
    latency: event.data.latency,
    from,
    to: endOf(from, spokenText ?? text, deltas),
    isFinal: true,
    deltas,
    sequence: last?.sequence ?? -1,
    offset: event.offset,
  };
}

/** Return when a turn was over: with its last delta, or else at the pace at which people speak. */
export function endOf(from: number, text: string, deltas: Turn["deltas"]): number {
  return deltas.at(-1)?.[0] ?? from + text.length * MS_A_CHARACTER;
}

/** Return a call with a turn in the place where it was said. */
export function withTurn(call: Call, turn: Turn, kept: Kept): Call {
  const others = call.turns.filter((other) => other.id !== turn.id);
  let index = others.length;
  while (index > 0 && comesAfter(others[index - 1] as Turn, turn)) index -= 1;
  const turns = [...others.slice(0, index), turn, ...others.slice(index)];
  const asked = turns[index - 1];
  if (asked && turn.latency) turns[index - 1] = answered(asked, turn.from - turn.latency.totalMs);
  const since = (turns.at(-1) as Turn).to - kept.ms;
  const old = turns.length - LATEST;
  const recent = turns.filter((other, place) => place >= old || other.to >= since);
  return { ...call, turns: recent.slice(-kept.turns) };
}

/** The ledger of an answer knows when the caller's speech was over, to the millisecond. */
function answered(asked: Turn, at: number): Turn {
  return asked.who === "caller" && at > asked.from ? { ...asked, to: at } : asked;
}

/** Turns that began at once stand in the order in which they were final; one that grows is last. */
function comesAfter(one: Turn, other: Turn): boolean {
  if (one.from !== other.from) return one.from > other.from;
  if (one.isFinal !== other.isFinal) return other.isFinal;
  return one.offset > other.offset;
}

// -- what happens besides -------------------------------------------------------------------

function marked(call: Call, mark: Mark, kept: Kept): Call {
  const recent = call.marks.filter(({ at }) => at >= mark.at - kept.ms);
  return { ...call, marks: [...recent, mark].slice(-kept.marks) };
}

function place(event: Extract<CallEvent, { offset: number }>) {
  return { id: event.eventId, offset: event.offset, at: time(event.occurredAt) };
}

function audited(event: LogEvents["call.audit"]): Mark {
  const { auditType, code, detail } = event.data;
  if (auditType !== "tool_call" && auditType !== "tool_result") {
    return { ...place(event), kind: auditType, code, detail };
  }
  const { name, toolCallId } = detail;
  return {
    ...place(event),
    kind: auditType,
    name: typeof name === "string" ? name : code,
    toolCallId: typeof toolCallId === "string" ? toolCallId : null,
    detail,
  };
}

export function time(text: string): number {
  return Date.parse(text);
}

export function maybe(text: string | null): number | null {
  return text === null ? null : time(text);
}
