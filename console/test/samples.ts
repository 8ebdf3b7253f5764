// A call that is on the line, and parts of it, as tests need them.

import type { Call, Mark, Turn } from "../src/live/call";
import { type CallEvent, reduce } from "../src/live/reducer";
import { logOf, ofOne } from "./live/log";

/** A call of an agent that has just been answered; nothing was said yet. */
export function sampleCall(more: Partial<Call> = {}): Call {
  const [created] = logOf(ofOne());
  return { ...(reduce(undefined, created as CallEvent) as Call), status: "answered", ...more };
}

/** A turn that took a second. */
export function turn(who: Turn["who"], from: number, more: Partial<Turn> = {}): Turn {
  return {
    id: `${who} ${from}`,
    who,
    text: "words",
    heard: null,
    interrupted: false,
    recognized: true,
    latency: null,
    from,
    to: from + 1000,
    isFinal: true,
    deltas: [],
    sequence: -1,
    offset: 0,
    ...more,
  };
}

export function mark(at: number, more: object): Mark {
  return { id: `mark ${at}`, offset: at, at, ...more } as Mark;
}
