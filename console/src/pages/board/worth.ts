// What makes a call worth a look: facts with thresholds, and no score. A table that the filter, the
// tags of the rows and the tests read.

import { type Call, hasEnded } from "../../live/call";
import { errorsOf, gapsOf, interruptionsSince, silentSince, waitingSince } from "../../live/facts";
import { clock } from "../../parts/format";

interface Fact {
  name: string;
  tone: "brass" | "lamp";
  /** Say the fact of a call, or null where it does not hold. */
  say(call: Call, now: number): string | null;
}

const SILENT_MS = 12_000;
const SLOW_MS = 1500;
const INTERRUPTED = 3;
const WITHIN_MS = 60_000;
const WAITING_MS = 60_000;

export const FACTS: readonly Fact[] = [
  {
    name: "error",
    tone: "lamp",
    say: (call) => (errorsOf(call).length ? "the agent reported an error" : null),
  },
  {
    name: "waiting",
    tone: "brass",
    say(call, now) {
      const since = waitingSince(call);
      return since !== null && now - since >= WAITING_MS ? `waiting ${clock(now - since)}` : null;
    },
  },
  {
    name: "silent",
    tone: "brass",
    say(call, now) {
      const since = silentSince(call);
      if (since === null || now - since < SILENT_MS) return null;
      const seconds = Math.floor((now - since) / 1000);
      return seconds < 60 ? `silent for ${seconds} s` : `silent for ${clock(now - since)}`;
    },
  },
  {
    name: "slow",
    tone: "brass",
    say(call) {
      const last = gapsOf(call.turns).slice(-2);
      return last.length === 2 && last.every(({ ms }) => ms >= SLOW_MS) ? "slow answers" : null;
    },
  },
  {
    name: "interrupted",
    tone: "brass",
    say(call, now) {
      const times = interruptionsSince(call, now - WITHIN_MS);
      return times >= INTERRUPTED ? `interrupted ${times} times` : null;
    },
  },
];

export interface Worth {
  name: string;
  tone: Fact["tone"];
  text: string;
}

/** List what is worth a look about a call now, the gravest first. */
export function worthALook(call: Call, now: number): Worth[] {
  if (hasEnded(call)) return [];
  return FACTS.flatMap(({ name, tone, say }) => {
    const text = say(call, now);
    return text === null ? [] : [{ name, tone, text }];
  });
}
