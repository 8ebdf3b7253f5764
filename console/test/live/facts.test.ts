// What follows from a call: gaps, silence, waits, and what its line shows.

import { expect, test } from "vitest";
import type { Call } from "../../src/live/call";
import {
  errorsOf,
  gapsOf,
  interruptionsSince,
  lengthOf,
  silentSince,
  waitingSince,
} from "../../src/live/facts";
import { lineOf } from "../../src/live/line";
import { mark, sampleCall, turn } from "../samples";

const CALL = sampleCall({ startedAt: 1000, answeredAt: 4000 });

test("a gap is the ledger's, if the call has one", () => {
  const latency = { totalMs: 702, voiceMs: 700, gatewayMs: 2 };
  const turns = [
    turn("agent", 0),
    turn("caller", 2000),
    turn("agent", 3540),
    turn("caller", 6000),
    turn("agent", 7500, { latency }),
  ];
  expect(gapsOf(turns).map(({ ms, exact }) => [ms, exact])).toEqual([[702, true]]);
});

test("a gap is else worked out from what was said when", () => {
  const turns = [
    turn("agent", 0),
    turn("caller", 2000),
    turn("agent", 3540),
    turn("caller", 10_000),
    turn("agent", 90_000), // no answer to that
    turn("caller", 91_000),
    turn("agent", 91_500), // begins before the other ends
  ];
  expect(gapsOf(turns).map(({ ms, exact }) => [ms, exact])).toEqual([[540, false]]);
});

test("silence counts from the last word, or from the answer", () => {
  expect(silentSince(CALL)).toBe(4000);
  expect(silentSince({ ...CALL, turns: [turn("caller", 5000), turn("agent", 7000)] })).toBe(8000);
  expect(silentSince({ ...CALL, held: true })).toBe(null);
  expect(silentSince({ ...CALL, status: "ringing" })).toBe(null);
});

test("a call waits until it is answered", () => {
  expect(waitingSince({ ...CALL, status: "queued", answeredAt: null })).toBe(1000);
  expect(waitingSince(CALL)).toBe(null);
  expect(waitingSince({ ...CALL, status: "cancelled", answeredAt: null })).toBe(null);
});

test("its length counts from the answer", () => {
  expect(lengthOf(CALL, 10_000)).toBe(6000);
  expect(lengthOf({ ...CALL, answeredAt: null }, 10_000)).toBe(9000);
  expect(lengthOf({ ...CALL, endedAt: 5000 }, 10_000)).toBe(1000);
});

test("interruptions and errors are counted from its marks", () => {
  const marks = [
    mark(1, { kind: "cut", heard: "", atMs: 0 }),
    mark(9, { kind: "cut", heard: "", atMs: 0 }),
    mark(10, { kind: "error", code: "x", detail: {} }),
  ];
  expect(interruptionsSince({ ...CALL, marks }, 5)).toBe(1);
  expect(errorsOf({ ...CALL, marks }).map((one) => one.at)).toEqual([10]);
});

test("its line shows who spoke, what was cut off, tools, and when it waited or was held", () => {
  const call: Call = {
    ...CALL,
    endedAt: 20_000,
    turns: [turn("agent", 5000, { text: "Thank you, and", heard: "Thank you," })],
    marks: [
      mark(6000, { kind: "tool_call", name: "look", toolCallId: null, detail: {} }),
      mark(7000, { kind: "cut", heard: "Thank you,", atMs: 900 }),
      mark(8000, { kind: "held" }),
      mark(9000, { kind: "resumed" }),
      mark(15_000, { kind: "held" }),
    ],
  };
  const line = lineOf(call);
  expect(line).toMatchObject({
    spoken: [{ who: "agent", heard: 10 }],
    marks: [
      { kind: "tool", at: 6000 },
      { kind: "cut", at: 7000 },
    ],
    quiet: [
      { from: 1000, to: 4000 },
      { from: 8000, to: 9000 },
      { from: 15_000, to: 20_000 },
    ],
    began: 1000,
    ended: 20_000,
  });
  expect(lineOf(call)).toBe(line);
});

test("speech that was not understood is drawn for as long as it lasted", () => {
  const unclear = turn("caller", 5000, { text: "", recognized: false, to: 6200 });
  const [spoken] = lineOf({ ...CALL, turns: [unclear] }).spoken;
  expect(spoken?.deltas?.map(([at]) => at)).toEqual([5500, 6000]);
});
