// What was read of the calls, as the reducer knows calls. The feed goes on from there.

import type { CallParticipant, Call as CallRow, CallTranscript } from "@ringline/sdk";
import type { Call, Turn } from "./call";
import { endOf, type Kept, maybe, speakerOf, time, turnId, WHOLE, withTurn } from "./reducer";

/** What the table of calls begins with. */
export interface Snapshot {
  /** The calls that have not ended, newest first. */
  open: readonly Call[];
  /** Those that have just ended, the last one first. */
  ended: readonly Call[];
  /** The names of agents by their ids. */
  agents: ReadonlyMap<string, string>;
}

/** The members of `listCalls` that a call is made of. */
export type ListedCall = Pick<
  CallRow,
  | "id"
  | "callUuid"
  | "status"
  | "direction"
  | "fromNumber"
  | "toNumber"
  | "model"
  | "aiAgentId"
  | "conversationId"
  | "hangupCause"
  | "startedAt"
  | "answeredAt"
  | "endedAt"
> & {
  aiAgent: { name: string } | null;
  contact: { fullName: string } | null;
  participants: Pick<CallParticipant, "memberUuid" | "role" | "joinedAt" | "leftAt">[];
};

/** The members of `listCallTranscripts` that a turn is made of. */
export type ListedTurn = Pick<
  CallTranscript,
  | "id"
  | "callUuid"
  | "itemId"
  | "contentIndex"
  | "role"
  | "text"
  | "interrupted"
  | "spokenText"
  | "recognized"
  | "latency"
  | "occurredAt"
>;

/** Return a call as `listCalls` shows it. */
export function callOf(row: ListedCall): Call {
  return {
    uuid: row.callUuid,
    id: row.id,
    direction: row.direction,
    from: row.fromNumber,
    to: row.toNumber,
    agentId: row.aiAgentId,
    agentName: row.aiAgent?.name ?? null,
    model: row.model,
    conversationId: row.conversationId,
    contactName: row.contact?.fullName ?? null,
    status: row.status ?? "initiated",
    held: false, // RPC shows a call on hold as answered
    startedAt: maybe(row.startedAt),
    answeredAt: maybe(row.answeredAt),
    endedAt: maybe(row.endedAt),
    hangupCause: row.hangupCause,
    participants: row.participants.map(({ memberUuid, role, joinedAt, leftAt }) => ({
      memberUuid,
      role,
      joinedAt: maybe(joinedAt),
      leftAt: maybe(leftAt),
    })),
    turns: [],
    marks: [],
    offset: 0,
  };
}

/** Return a finished turn as `listCallTranscripts` shows it. */
export function turnOf(row: ListedTurn): Turn {
  const from = time(row.occurredAt);
  return {
    id: row.itemId === null ? row.id : turnId(row.itemId, row.contentIndex ?? 0),
    who: speakerOf(row.role),
    text: row.text,
    heard: row.spokenText,
    interrupted: row.interrupted,
    recognized: row.recognized,
    latency: row.latency,
    from,
    to: endOf(from, row.spokenText ?? row.text, []),
    isFinal: true,
    deltas: [],
    sequence: -1,
    offset: 0,
  };
}

/** Return a call with what is being said on it: no log has that yet, but the table follows it. */
export function withGrowing(call: Call, followed: Call | undefined): Call {
  const growing = followed?.turns.filter(({ isFinal }) => !isFinal) ?? [];
  return { ...call, turns: growing };
}

/** Return a call with its turns. */
export function withTurns(call: Call, turns: readonly ListedTurn[], kept: Kept = WHOLE): Call {
  return turns.reduce((so, row) => withTurn(so, turnOf(row), kept), call);
}
