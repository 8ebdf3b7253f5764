// Logs as a server writes them, drawn at random: calls that come, talk and end, in any order.

import type { LogEvent } from "@ringline/sdk";
import fc from "fast-check";
import type { CallStatus } from "../../src/live/call";
import type { CallEvent } from "../../src/live/reducer";
import type { ListedCall, ListedTurn } from "../../src/live/snapshot";

export const BEGAN = Date.parse("2026-11-30T10:00:00Z");

const WHATS = [
  "ring",
  "queue",
  "answer",
  "join",
  "leave",
  "hear",
  "say",
  "cut",
  "hold",
  "resume",
  "tool",
  "fail",
  "end",
] as const;

/** What may happen next, to which of the calls. */
export interface Step {
  call: number;
  what: (typeof WHATS)[number];
}

export const steps = fc.array(
  fc.record({ call: fc.integer({ min: 0, max: 3 }), what: fc.constantFrom(...WHATS) }),
  { maxLength: 60 },
);

/** Return these steps of one call, behind its beginning. */
export function ofOne(...whats: Step["what"][]): Step[] {
  return ["ring" as const, ...whats].map((what) => ({ call: 0, what }));
}

interface Told {
  status: CallStatus;
  turns: number;
  members: Map<string, boolean>;
  held: boolean;
}

type Tell = (type: string, data: object) => void;

/** Return the events of some steps. The first of a call creates it; what cannot happen does not. */
export function logOf(drawn: readonly Step[]): CallEvent[] {
  const calls = new Map<number, Told>();
  const log: CallEvent[] = [];
  let offset = 0;
  for (const { call, what } of drawn) {
    const tell: Tell = (type, data) => {
      const durable = type !== "call.transcript_delta";
      if (durable) offset += 1;
      log.push({
        ...(durable && { position: `epoch001:${offset}`, offset, eventId: `evt_${offset}` }),
        type,
        callUuid: `call-${call}`,
        occurredAt: iso(BEGAN + offset * 500 + log.length),
        data: { ...ofCall(call), ...data },
      } as unknown as CallEvent);
    };
    const told = calls.get(call);
    if (told === undefined) {
      const startedAt = iso(BEGAN + (offset + 1) * 500);
      tell("call.created", { status: "initiated", startedAt, source: "api", contact: null });
      calls.set(call, { status: "initiated", turns: 0, members: new Map(), held: false });
    } else if (told.status !== "completed") {
      happen(told, what, tell);
    }
  }
  return log;
}

function happen(told: Told, what: Step["what"], tell: Tell): void {
  const talks = told.status === "answered";
  const item = { itemId: `item-${told.turns}`, contentIndex: 0, role: "user" };
  switch (what) {
    case "ring":
    case "queue":
      if (talks) return;
      told.status = what === "ring" ? "ringing" : "queued";
      tell("call.ringing", { status: told.status, startedAt: null, source: null });
      return;
    case "answer":
      if (talks) return;
      told.status = "answered";
      tell("call.answered", {
        status: "answered",
        answeredAt: iso(BEGAN),
        startedAt: iso(BEGAN),
        answeredBy: "ai_agent",
      });
      return;
    case "join":
      if (!talks || told.members.size > 3) return;
      enter(told, tell);
      return;
    case "leave": {
      const [present] = [...told.members].filter(([, isHere]) => isHere);
      if (present) leave(told, present[0], tell);
      return;
    }
    case "hear":
      if (!talks) return;
      tell("call.transcript_delta", { ...item, delta: "we", text: "we", sequence: 0 });
      tell("call.transcript_delta", { ...item, delta: "ll", text: "well", sequence: 1 });
      return;
    case "say":
      if (!talks) return;
      tell("call.turn_completed", { ...item, ...PLAIN, text: `text ${told.turns}` });
      told.turns += 1;
      return;
    case "cut":
      if (talks) tell("call.barge_in", { spokenText: "so", atMs: 120 });
      return;
    case "hold":
    case "resume":
      if (!talks || told.held === (what === "hold")) return;
      told.held = what === "hold";
      tell(told.held ? "call.held" : "call.resumed", {});
      return;
    case "tool":
      tell("call.audit", { auditType: "tool_call", code: "tool", detail: { name: "look" } });
      return;
    case "fail":
      tell("call.audit", { auditType: "error", code: "broken", detail: {} });
      return;
    case "end":
      for (const [member, isHere] of told.members) if (isHere) leave(told, member, tell);
      tell("call.ended", {
        status: "completed",
        hangupCause: "caller_hangup",
        startedAt: iso(BEGAN),
        answeredAt: talks ? iso(BEGAN) : null,
        endedAt: iso(BEGAN + 9000),
      });
      told.status = "completed";
  }
}

const PLAIN = { interrupted: false, spokenText: null, recognized: true, latency: null };
const CALLER = { role: "caller", joinedAt: iso(BEGAN) };

function enter(told: Told, tell: Tell): void {
  const memberUuid = `member-${told.members.size}`;
  told.members.set(memberUuid, true);
  tell("call.participant_joined", { ...CALLER, memberUuid });
}

function leave(told: Told, memberUuid: string, tell: Tell): void {
  told.members.set(memberUuid, false);
  tell("call.participant_left", { ...CALLER, memberUuid, leftAt: iso(BEGAN + 9000) });
}

function ofCall(call: number) {
  return {
    callId: `id-${call}`,
    callUuid: `call-${call}`,
    direction: "inbound",
    fromNumber: `+4420${call}`,
    toNumber: "+1",
    transport: "websocket",
    aiAgentId: null,
    model: null,
    conversationId: null,
  };
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function isDurable(event: LogEvent): boolean {
  return "offset" in event;
}

/** Return what `listCalls` and `listCallTranscripts` would list after some events. */
export function listedAfter(log: readonly CallEvent[]): {
  calls: ListedCall[];
  turns: ListedTurn[];
} {
  const calls = new Map<string, ListedCall>();
  const turns: ListedTurn[] = [];
  for (const event of log) {
    const row = calls.get(event.callUuid) ?? rowOf(event);
    calls.set(event.callUuid, row);
    const data = event.data as Partial<ListedCall>;
    if (data.status) row.status = data.status;
    row.startedAt = data.startedAt ?? row.startedAt;
    row.answeredAt = data.answeredAt ?? row.answeredAt;
    row.endedAt = data.endedAt ?? row.endedAt;
    row.hangupCause = data.hangupCause ?? row.hangupCause;
    if (event.type === "call.turn_completed") {
      const { callUuid, occurredAt, eventId } = event;
      turns.push({ ...event.data, id: eventId, callUuid, occurredAt });
    } else if (event.type === "call.participant_joined") {
      row.participants.push({ ...event.data, leftAt: null });
    } else if (event.type === "call.participant_left") {
      const { memberUuid, leftAt } = event.data;
      for (const one of row.participants) if (one.memberUuid === memberUuid) one.leftAt = leftAt;
    }
  }
  return { calls: [...calls.values()].reverse(), turns };
}

function rowOf({ callUuid, data }: CallEvent): ListedCall {
  return {
    id: data.callId,
    callUuid,
    status: "initiated",
    direction: data.direction,
    fromNumber: data.fromNumber,
    toNumber: data.toNumber,
    model: null,
    aiAgentId: null,
    conversationId: null,
    hangupCause: null,
    startedAt: null,
    answeredAt: null,
    endedAt: null,
    aiAgent: null,
    contact: null,
    participants: [],
  };
}
