// The filter of the list of calls: as the address spells it, as RPC asks for it, and as it holds
// for a call of the feed. Pure; the address is the one place where it is kept.

import type { CallFilter } from "@ringline/sdk";
import { type Call, type CallStatus, type HangupCause, hasEnded } from "../../live/call";
import { CAUSES, STATUSES } from "../../live/causes";
import { lengthOf } from "../../live/facts";
import { dayOf, midnight, type Zone } from "../../parts/zone";

export type State = "open" | CallStatus;
export type SortBy = "started" | "ended";

export interface Filter {
  state: State | null;
  direction: Call["direction"] | null;
  /** An agent's id, or `none` for calls without one. */
  agent: string | null;
  /** A whole number, or a part of one. */
  number: string;
  /** Days in the chosen zone, `2026-11-30`; both belong to the range. */
  from: string | null;
  to: string | null;
  /** In seconds; both ends belong to the range. */
  longer: number | null;
  shorter: number | null;
  cause: HangupCause | null;
  interrupted: boolean;
  sort: SortBy;
}

export const NO_FILTER: Filter = {
  state: null,
  direction: null,
  agent: null,
  number: "",
  from: null,
  to: null,
  longer: null,
  shorter: null,
  cause: null,
  interrupted: false,
  sort: "started",
};

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;
/** What may be whole is asked for as such; fewer digits are the beginning of one. */
const WHOLE_NUMBER = /^\+\d{10,15}$/u;
const MOST_CHARACTERS = 64;
const DAY_MS = 86_400_000;

/** Read a filter from an address; what it does not know, or what is not so, it leaves out. */
export function fromQuery(query: URLSearchParams): Filter {
  const get = (name: keyof Filter) => query.get(name) ?? "";
  const day = (text: string) => (Number.isNaN(midnight(text, "utc")) ? null : text);
  const seconds = (text: string) => (/^\d{1,6}$/u.test(text) ? Number(text) : null);
  const agent = get("agent");
  return {
    state: get("state") === "open" ? "open" : known(STATUSES, get("state")),
    direction: known({ inbound: 0, outbound: 0 }, get("direction")),
    agent: agent === "none" || ID.test(agent) ? agent : null,
    number: get("number").trim().slice(0, MOST_CHARACTERS),
    from: day(get("from")),
    to: day(get("to")),
    longer: seconds(get("longer")),
    shorter: seconds(get("shorter")),
    cause: known(CAUSES, get("cause")),
    interrupted: get("interrupted") === "true",
    sort: get("sort") === "ended" ? "ended" : "started",
  };
}

/** Write a filter as an address does: without what is not set. */
export function toQuery(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== NO_FILTER[name as keyof Filter]) query.set(name, String(value));
  }
  return query;
}

/** Ask RPC for the calls of a filter. */
export function toRpc(filter: Filter, zone: Zone): CallFilter {
  const { state, direction, agent, number, from, to, longer, shorter, cause } = filter;
  const asked: CallFilter = {};
  if (state === "open") asked.endedAt = { isNil: true };
  else if (state !== null) asked.status = { eq: state };
  if (direction !== null) asked.direction = { eq: direction };
  if (agent !== null) asked.aiAgentId = agent === "none" ? { isNil: true } : { eq: agent };
  if (number) {
    const test = WHOLE_NUMBER.test(number) ? { eq: number } : { contains: number };
    asked.or = [{ fromNumber: test }, { toNumber: test }];
  }
  if (from !== null || to !== null) {
    asked.startedAt = range(from, to, zone);
  }
  if (longer !== null || shorter !== null) {
    asked.durationSeconds = {
      ...(longer === null ? {} : { greaterThanOrEqual: longer }),
      ...(shorter === null ? {} : { lessThanOrEqual: shorter }),
    };
  }
  if (cause !== null) asked.hangupCause = { eq: cause };
  if (filter.interrupted) asked.transcripts = { interrupted: { eq: true } };
  return asked;
}

/** Tell whether a call of the feed is one of those that the filter asks for. */
export function matches(filter: Filter, call: Call, { zone }: { zone: Zone }): boolean {
  const { state, direction, agent, number, from, to, longer, shorter, cause } = filter;
  const at = call.startedAt ?? 0;
  const seconds = hasEnded(call) ? Math.floor(lengthOf(call, 0) / 1000) : 0;
  const holds = [
    state === null || (state === "open" ? !hasEnded(call) : call.status === state),
    direction === null || call.direction === direction,
    agent === null || (agent === "none" ? call.agentId === null : call.agentId === agent),
    !number || [call.from, call.to].some((one) => isNumber(number, one)),
    from === null || at >= midnight(from, zone),
    to === null || at < midnight(to, zone, 1),
    longer === null || seconds >= longer,
    shorter === null || seconds <= shorter,
    cause === null || call.hangupCause === cause,
    !filter.interrupted || call.turns.some(({ interrupted }) => interrupted),
  ];
  return holds.every(Boolean);
}

/** How many parts of a filter are set, but for its order. */
export function howMany(filter: Filter): number {
  const { sort, ...rest } = filter;
  return [...toQuery({ ...rest, sort: NO_FILTER.sort }).keys()].length;
}

/** The day that lies so many days before a moment, as a filter writes it. */
export function dayBefore(now: number, days: number, zone: Zone): string {
  return dayOf(now - days * DAY_MS, zone);
}

function known<Name extends string>(table: Readonly<Record<Name, unknown>>, name: string) {
  return Object.hasOwn(table, name) ? (name as Name) : null;
}

function isNumber(asked: string, number: string): boolean {
  return WHOLE_NUMBER.test(asked) ? number === asked : number.includes(asked);
}

function range(
  from: string | null,
  to: string | null,
  zone: Zone,
): NonNullable<CallFilter["startedAt"]> {
  const written = (day: string, later: number) =>
    new Date(midnight(day, zone, later)).toISOString();
  return {
    ...(from === null ? {} : { greaterThanOrEqual: written(from, 0) }),
    ...(to === null ? {} : { lessThan: written(to, 1) }),
  };
}
