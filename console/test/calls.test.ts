import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Call } from "../src/live/call";
import { CAUSES, STATUSES } from "../src/live/causes";
import { type CsvCall, toCsv } from "../src/pages/calls/csv";
import {
  dayBefore,
  type Filter,
  fromQuery,
  howMany,
  matches,
  NO_FILTER,
  toQuery,
  toRpc,
} from "../src/pages/calls/filter";

const AGENT = "019aa000-0000-7000-8000-000000000003";

const FULL: Filter = {
  state: "completed",
  direction: "inbound",
  agent: AGENT,
  number: "0132",
  from: "2026-11-29",
  to: "2026-11-30",
  longer: 10,
  shorter: 600,
  cause: "caller_hangup",
  interrupted: true,
  sort: "ended",
};

const parse = (text: string) => fromQuery(new URLSearchParams(text));

test("a filter is the same after a round trip through the address", () => {
  const anyFilter = fc.record<Filter>({
    state: fc.constantFrom(null, "open", ...(Object.keys(STATUSES) as Filter["state"][])),
    direction: fc.constantFrom(null, "inbound", "outbound"),
    agent: fc.constantFrom(null, "none", AGENT),
    number: fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.trim()),
    from: fc.constantFrom(null, "2026-02-28"),
    to: fc.constantFrom(null, "2028-02-29"),
    longer: fc.option(fc.nat(999_999)),
    shorter: fc.option(fc.nat(999_999)),
    cause: fc.constantFrom(null, ...(Object.keys(CAUSES) as Filter["cause"][])),
    interrupted: fc.boolean(),
    sort: fc.constantFrom("started", "ended"),
  });
  fc.assert(
    fc.property(anyFilter, (filter) => {
      expect(parse(toQuery(filter).toString())).toEqual(filter);
    }),
  );
});

test("what is not set is not in the address", () => {
  expect(toQuery(NO_FILTER).toString()).toBe("");
  expect(parse("")).toEqual(NO_FILTER);
});

test.each([
  "state=dialling",
  "state=constructor",
  "direction=sideways",
  "agent=0132",
  "from=2026-02-31",
  "to=yesterday",
  "longer=-1",
  "shorter=1e3",
  "cause=__proto__",
  "interrupted=yes",
  "sort=duration",
  "colour=red",
])("an address with %s asks for nothing", (text) => expect(parse(text)).toEqual(NO_FILTER));

test("all parts of a filter are asked for at once", () => {
  expect(toRpc(FULL, "own")).toEqual({
    status: { eq: "completed" },
    direction: { eq: "inbound" },
    aiAgentId: { eq: AGENT },
    or: [{ fromNumber: { contains: "0132" } }, { toNumber: { contains: "0132" } }],
    startedAt: {
      greaterThanOrEqual: new Date(2026, 10, 29).toISOString(),
      lessThan: new Date(2026, 11, 1).toISOString(),
    },
    durationSeconds: { greaterThanOrEqual: 10, lessThanOrEqual: 600 },
    hangupCause: { eq: "caller_hangup" },
    transcripts: { interrupted: { eq: true } },
  });
  expect(toRpc(NO_FILTER, "own")).toEqual({});
});

test("a whole number is asked for as such, which its index answers", () => {
  const number = "+442079460132";
  expect(toRpc({ ...NO_FILTER, number }, "own").or).toContainEqual({ fromNumber: { eq: number } });
  const begun = "+44131496";
  expect(toRpc({ ...NO_FILTER, number: begun }, "own").or).toContainEqual({
    fromNumber: { contains: begun },
  });
});

test("calls on the line are those that have no end", () => {
  expect(toRpc({ ...NO_FILTER, state: "open" }, "own")).toEqual({ endedAt: { isNil: true } });
  expect(toRpc({ ...NO_FILTER, agent: "none" }, "own")).toEqual({ aiAgentId: { isNil: true } });
});

test("the order is no part of what is filtered", () => {
  expect(howMany({ ...NO_FILTER, sort: "ended" })).toBe(0);
  expect(howMany(FULL)).toBe(10);
});

test("days are counted back over the end of a month", () => {
  expect(dayBefore(new Date(2026, 11, 2, 12).getTime(), 3, "own")).toBe("2026-11-29");
});

test("days are those of UTC, if the viewer chose that", () => {
  expect(toRpc({ ...NO_FILTER, from: "2026-03-29", to: "2026-03-29" }, "utc").startedAt).toEqual({
    greaterThanOrEqual: "2026-03-29T00:00:00.000Z",
    lessThan: "2026-03-30T00:00:00.000Z",
  });
  expect(dayBefore(Date.UTC(2026, 11, 2, 23, 59), 3, "utc")).toBe("2026-11-29");
});

describe("a call of the feed", () => {
  const OWN = { zone: "own" } as const;
  const startedAt = new Date(2026, 10, 30, 12).getTime();
  const call: Call = {
    uuid: "one",
    id: null,
    direction: "inbound",
    from: "+442079460132",
    to: "agent:one",
    agentId: AGENT,
    agentName: null,
    model: null,
    conversationId: null,
    contactName: null,
    status: "completed",
    held: false,
    startedAt,
    answeredAt: startedAt,
    endedAt: startedAt + 60_000,
    hangupCause: "caller_hangup",
    participants: [],
    turns: [
      {
        id: "t",
        who: "agent",
        text: "",
        heard: null,
        interrupted: true,
        recognized: true,
        latency: null,
        from: startedAt,
        to: startedAt,
        isFinal: true,
        deltas: [],
        sequence: 0,
        offset: 1,
      },
    ],
    marks: [],
    offset: 1,
  };

  test("is new if it is all that the filter asks for", () => {
    expect(matches(NO_FILTER, call, OWN)).toBe(true);
    expect(matches(FULL, call, OWN)).toBe(true);
  });

  const others: Partial<Filter>[] = [
    { state: "open" },
    { state: "failed" },
    { direction: "outbound" },
    { agent: "none" },
    { number: "+4420794601" },
    { number: "0133" },
    { from: "2026-12-01" },
    { to: "2026-11-29" },
    { longer: 61 },
    { shorter: 59 },
    { cause: "busy" },
  ];
  test.each(others)("is not new under %o", (part) => {
    expect(matches({ ...FULL, ...part }, call, OWN)).toBe(false);
  });

  test("is not among those interrupted if no turn was", () => {
    expect(matches({ ...NO_FILTER, interrupted: true }, { ...call, turns: [] }, OWN)).toBe(false);
  });
});

describe("CSV", () => {
  const call: CsvCall = {
    id: AGENT,
    callUuid: "order-7",
    status: "completed",
    direction: "inbound",
    fromNumber: "+44 20 7946 0132",
    toNumber: "agent:one",
    model: null,
    aiAgentId: AGENT,
    conversationId: null,
    hangupCause: "caller_hangup",
    startedAt: "2026-11-30T09:00:00Z",
    answeredAt: null,
    endedAt: null,
    durationSeconds: 0,
    aiAgent: { name: "Front desk" },
    contact: null,
    participants: [],
  };
  const line = (more: Partial<CsvCall>) => toCsv([{ ...call, ...more }]).split("\r\n")[1];

  test("has a line of heads, one for each call, and ends with a line's end", () => {
    expect(toCsv([call, call]).split("\r\n")).toHaveLength(4);
    expect(line({})).toBe(
      "order-7,2026-11-30T09:00:00Z,,,0,inbound,+44 20 7946 0132,agent:one,Front desk,,completed,caller_hangup",
    );
  });

  test("quotes what has commas, quotes or lines", () => {
    expect(line({ aiAgent: { name: 'The "Front",\ndesk' } })).toContain('"The ""Front"",\ndesk"');
  });

  test.each(["=1+1", "@SUM(A1)", "-2+3", "+A1", "\t=1"])("%j is no formula", (fromNumber) => {
    expect(line({ fromNumber })).toContain(`'${fromNumber}`);
  });
});
