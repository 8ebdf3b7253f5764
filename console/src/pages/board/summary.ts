// What the board says of all calls together; worked out once a second, whatever happens meanwhile.

import { type Call, hasEnded, withAgent, withPerson } from "../../live/call";
import { type Gap, gapsOf } from "../../live/facts";
import { worthALook } from "./worth";

export type Filter = "all" | "agent" | "person" | "worth";

export const FILTERS: readonly { name: Filter; label: string }[] = [
  { name: "all", label: "All" },
  { name: "agent", label: "With an agent" },
  { name: "person", label: "With people" },
  { name: "worth", label: "Worth a look" },
];

export interface Summary {
  /** The calls of each filter. */
  calls: Readonly<Record<Filter, ReadonlySet<string>>>;
  gap: { p95: Gap; exact: boolean } | null;
  /** Changes with each event of a call that waits in a queue. */
  queued: string;
}

/** Sum up the calls that have not ended. */
export function summarise(calls: readonly Call[], now: number): Summary {
  const open = calls.filter((call) => !hasEnded(call));
  const those = (test: (call: Call) => boolean) =>
    new Set(open.filter(test).map(({ uuid }) => uuid));
  return {
    calls: {
      all: those(() => true),
      agent: those((call) => withAgent(call) && !withPerson(call)),
      person: those(withPerson),
      worth: those((call) => worthALook(call, now).length > 0),
    },
    gap: p95(open.flatMap(({ turns }) => gapsOf(turns).filter(({ turn }) => turn.who === "agent"))),
    queued: open
      .filter(({ status }) => status === "queued")
      .map(({ uuid, offset }) => `${uuid}:${offset}`)
      .join(),
  };
}

/** Return the gap that 19 of 20 are not above; exact if the ledger says so of all that count. */
function p95(gaps: readonly Gap[]): Summary["gap"] {
  const known = gaps.filter(({ exact }) => exact);
  const used = known.length ? known : gaps;
  // Of numbers alone, since a thousand calls have twenty thousand of them.
  const sorted = Float64Array.from(used, ({ ms }) => ms).sort();
  const place = sorted[Math.ceil(0.95 * sorted.length) - 1];
  const gap = used.find(({ ms }) => ms === place);
  return gap ? { p95: gap, exact: known.length > 0 } : null;
}

/** What is shown of a list while one reads it, and how much waits to be. */
export interface Held {
  rows: readonly string[];
  waiting: number;
}

/** Keep new rows back from a list that somebody reads; those that are gone leave it. */
export function hold(shown: readonly string[], now: readonly string[]): Held {
  const [known, stays] = [new Set(shown), new Set(now)];
  const rows = shown.filter((uuid) => stays.has(uuid));
  return { rows, waiting: now.filter((uuid) => !known.has(uuid)).length };
}
