import { expect, test } from "vitest";
import type { Call, Turn } from "../src/live/call";
import { lineOf } from "../src/live/line";
import { type CallEvent, reduce } from "../src/live/reducer";
import { logOf, ofOne } from "./live/log";

const BASE = reduce(undefined, logOf(ofOne())[0] as CallEvent) as Call;

const TURN: Turn = {
  id: "turn",
  who: "caller",
  text: "what are your opening hours",
  heard: null,
  interrupted: false,
  recognized: true,
  latency: null,
  from: 1000,
  to: 3000,
  isFinal: true,
  deltas: [],
  sequence: 0,
  offset: 1,
};

const ANSWER: Turn = { ...TURN, id: "answer", who: "agent", from: 2000, to: 6000 };
const NEXT: Turn = { ...TURN, id: "next", from: 5000, to: 7000 };

function ends(...turns: Turn[]): number[] {
  return lineOf({ ...BASE, turns }).spoken.map(({ to }) => to);
}

test("a question has ended when its answer begins", () => {
  expect(ends(TURN, ANSWER)).toEqual([2000, 6000]);
});

test("an answer may go on while the caller speaks, unless it was cut off", () => {
  expect(ends(ANSWER, NEXT)).toEqual([6000, 7000]);
  expect(ends({ ...ANSWER, interrupted: true }, NEXT)).toEqual([5000, 7000]);
});

test("a turn that is as it was is the same value, so that it is cut into words once", () => {
  const [first] = lineOf({ ...BASE, turns: [TURN] }).spoken;
  const [again] = lineOf({ ...BASE, turns: [TURN, NEXT] }).spoken;
  expect(again).toBe(first);
});
