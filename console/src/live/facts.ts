// What follows from a call: how long nobody has spoken, how long answers took, what went wrong.

import { MS_A_CHARACTER } from "../line/pieces";
import { type Call, hasEnded, type Mark, type Turn } from "./call";

/** How long an agent's turn took to begin; `exact` if the server's ledger says so. */
export interface Gap {
  turn: Turn;
  ms: number;
  exact: boolean;
}

/** Beyond this, or if it begins before the other ends, a turn is no answer to the one before. */
const MOST_GAP_MS = 20_000;

// The board asks for the gaps of all its calls each second, and few of them have changed.
const found = new WeakMap<readonly Turn[], readonly Gap[]>();

/**
 * Return the gaps of a call's turns, in order: of the ledger, or else worked out from events. Of a
 * call that has a ledger, an answer without an entry answered no speech.
 */
export function gapsOf(turns: readonly Turn[]): readonly Gap[] {
  const known = found.get(turns);
  if (known) return known;
  const gaps = findGaps(turns);
  found.set(turns, gaps);
  return gaps;
}

function findGaps(turns: readonly Turn[]): Gap[] {
  const hasLedger = turns.some(({ latency }) => latency !== null);
  return turns.flatMap((turn, index): Gap[] => {
    if (turn.who === "caller") return [];
    if (turn.latency) return [{ turn, ms: turn.latency.totalMs, exact: true }];
    if (hasLedger) return [];
    const before = turns[index - 1];
    if (before?.who !== "caller" || !turn.isFinal) return [];
    const ms = turn.from - before.to;
    return ms >= 0 && ms <= MOST_GAP_MS ? [{ turn, ms, exact: false }] : [];
  });
}

/** Return since when nobody has spoken on an answered call; null while somebody may not. */
export function silentSince(call: Call): number | null {
  if (call.status !== "answered" || call.held || call.answeredAt === null) return null;
  return call.turns.reduce((last, turn) => Math.max(last, saidUntil(turn)), call.answeredAt);
}

/** An agent's words may come all at once, and are heard at the pace at which people speak. */
function saidUntil({ who, text, heard, from, to }: Turn): number {
  return who === "agent" ? Math.max(to, from + (heard ?? text).length * MS_A_CHARACTER) : to;
}

/** Return how often the agent was interrupted since a moment. */
export function interruptionsSince(call: Call, since: number): number {
  return call.marks.filter((mark) => mark.kind === "cut" && mark.at >= since).length;
}

/** Return what went wrong on a call, as its agent's audit trail says. */
export function errorsOf(call: Call): Mark[] {
  return call.marks.filter((mark) => mark.kind === "error");
}

/** Return since when a call has waited for an answer; null if it does not wait. */
export function waitingSince(call: Call): number | null {
  return hasEnded(call) || call.answeredAt !== null ? null : call.startedAt;
}

/** Return how long a call has been, or was: from its answer, or else from its beginning. */
export function lengthOf(call: Call, now: number): number {
  const from = call.answeredAt ?? call.startedAt;
  return from === null ? 0 : Math.max(0, (call.endedAt ?? now) - from);
}
