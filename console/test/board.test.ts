import { expect, test } from "vitest";
import type { Call, Mark, Turn } from "../src/live/call";
import { hold, summarise } from "../src/pages/board/summary";
import { FACTS, worthALook } from "../src/pages/board/worth";

const NOW = 1_000_000;

const CALL: Call = {
  uuid: "one",
  id: null,
  direction: "inbound",
  from: "+442079460132",
  to: "agent:one",
  agentId: "agent",
  agentName: "Front desk",
  model: null,
  conversationId: null,
  contactName: null,
  status: "answered",
  held: false,
  startedAt: NOW - 5000,
  answeredAt: NOW - 5000,
  endedAt: null,
  hangupCause: null,
  participants: [{ memberUuid: "agent", role: "ai_agent", joinedAt: null, leftAt: null }],
  turns: [],
  marks: [],
  offset: 1,
};

function answer(totalMs: number | null, from = NOW): Turn {
  const latency = totalMs === null ? null : { totalMs, voiceMs: totalMs - 9, gatewayMs: 9 };
  return { ...TURN, id: `${from}`, from, to: from, latency };
}

const TURN: Turn = {
  id: "turn",
  who: "agent",
  text: "We do.",
  heard: null,
  interrupted: false,
  recognized: true,
  latency: null,
  from: NOW,
  to: NOW,
  isFinal: true,
  deltas: [],
  sequence: 0,
  offset: 1,
};

function cut(at: number): Mark {
  return { id: `${at}`, offset: 1, at, kind: "cut", heard: "", atMs: 0 };
}

const ERROR: Mark = { id: "e", offset: 1, at: NOW, kind: "error", code: "tool", detail: {} };

/** On both sides of each threshold: a call that the fact holds for, and one that it does not. */
const SIDES: Record<string, readonly [Partial<Call>, Partial<Call>]> = {
  error: [{ marks: [ERROR] }, { marks: [{ ...ERROR, kind: "note" }] }],
  waiting: [
    { status: "queued", answeredAt: null, startedAt: NOW - 60_000 },
    { status: "queued", answeredAt: null, startedAt: NOW - 59_999 },
  ],
  silent: [{ answeredAt: NOW - 12_000 }, { answeredAt: NOW - 11_999 }],
  slow: [
    { turns: [answer(1500, NOW - 1), answer(1500)] },
    { turns: [answer(1499, NOW - 1), answer(1500)] },
  ],
  interrupted: [
    { marks: [cut(NOW - 60_000), cut(NOW - 2), cut(NOW - 1)] },
    { marks: [cut(NOW - 60_001), cut(NOW - 2), cut(NOW - 1)] },
  ],
};

test("each fact has both sides of its threshold here", () => {
  expect(Object.keys(SIDES).sort()).toEqual(FACTS.map(({ name }) => name).sort());
});

test.each(Object.entries(SIDES))("%s holds from its threshold on", (name, [holds, not]) => {
  const names = (more: Partial<Call>) =>
    worthALook({ ...CALL, ...more }, NOW).map((fact) => fact.name);
  expect(names(holds)).toContain(name);
  expect(names(not)).not.toContain(name);
});

test("an agent that still speaks is not silent, however early its words came", () => {
  const text = "word ".repeat(40);
  const turn = { ...TURN, text, from: NOW - 12_500, to: NOW - 12_500 };
  expect(worthALook({ ...CALL, answeredAt: NOW - 20_000, turns: [turn] }, NOW)).toEqual([]);
});

test("one slow answer is not worth a look", () => {
  expect(worthALook({ ...CALL, turns: [answer(9000)] }, NOW)).toEqual([]);
});

test("a call that has ended is not worth a look, nor counted", () => {
  const ended: Call = { ...CALL, status: "completed", marks: [ERROR] };
  expect(worthALook(ended, NOW)).toEqual([]);
  expect(summarise([ended], NOW).calls.all.size).toBe(0);
});

test("a call belongs to its agent until a person joins", () => {
  const person = { memberUuid: "p", role: "operator", joinedAt: null, leftAt: null } as const;
  const taken = { ...CALL, uuid: "two", participants: [...CALL.participants, person] };
  const { calls } = summarise([CALL, taken], NOW);
  expect([...calls.agent]).toEqual(["one"]);
  expect([...calls.person]).toEqual(["two"]);
});

test("the gap is the one that 19 of 20 are not above, by the ledger where it has one", () => {
  const turns = Array.from({ length: 20 }, (_, at) => answer(100 * (at + 1), NOW + at));
  const { gap } = summarise([{ ...CALL, turns }], NOW);
  expect(gap).toMatchObject({ exact: true, p95: { ms: 1900 } });
  expect(summarise([CALL], NOW).gap).toBeNull();
});

test("a gap that was worked out from events is not called exact", () => {
  const asked: Turn = { ...TURN, who: "caller", id: "q", from: NOW - 5000, to: NOW - 700 };
  const { gap } = summarise([{ ...CALL, turns: [asked, answer(null)] }], NOW);
  expect(gap).toMatchObject({ exact: false, p95: { ms: 700 } });
});

test("each event of a queued call is a reason to read the queue", () => {
  const queued: Call = { ...CALL, status: "queued", answeredAt: null };
  const before = summarise([queued], NOW).queued;
  expect(summarise([{ ...queued, offset: 2 }], NOW).queued).not.toBe(before);
  expect(summarise([CALL], NOW).queued).toBe("");
});

test("new rows wait while one reads, and what is gone leaves", () => {
  expect(hold(["b", "a"], ["d", "c", "a"])).toEqual({ rows: ["a"], waiting: 2 });
  expect(hold(["b", "a"], ["b", "a"])).toEqual({ rows: ["b", "a"], waiting: 0 });
});
