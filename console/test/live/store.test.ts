// The store: each row is told of its own call, once a frame; ended calls leave.

import { expect, test } from "vitest";
import type { CallEvent } from "../../src/live/reducer";
import { LEAVES_AFTER_MS, type Notify, Store } from "../../src/live/store";
import { BEGAN, logOf, type Step } from "./log";

function made() {
  const frames: Notify[] = [];
  const store = new Store((callback) => frames.push(callback));
  const told: string[] = [];
  const frame = () => {
    for (const callback of frames.splice(0)) callback();
  };
  store.onList(() => told.push("list"));
  for (const uuid of ["call-0", "call-1"]) store.onCall(uuid, () => told.push(uuid));
  return { store, frames, told, frame };
}

const begin = (call: number): Step => ({ call, what: "ring" });
const [created, ...rest] = logOf([begin(0), { call: 0, what: "answer" }, { call: 0, what: "say" }]);

test("one frame tells of all that happened, and nobody of another call", () => {
  const { store, frames, told, frame } = made();
  store.apply(created as CallEvent);
  for (const event of rest) store.apply(event);
  expect([frames.length, told]).toEqual([1, []]);
  frame();
  expect(told).toEqual(["call-0", "list"]);
  told.length = 0;
  for (const event of rest) store.apply(event);
  expect(frames.length, "nothing has changed").toBe(0);
});

test("calls stand newest first, and keep their places", () => {
  const { store } = made();
  const log = logOf([begin(0), begin(1), { call: 0, what: "answer" }, begin(2)]);
  for (const event of log) store.apply(event);
  expect(store.order()).toEqual(["call-2", "call-1", "call-0"]);
});

test("an ended call is under Just ended at once, and leaves the table after a while", () => {
  const { store, told, frame } = made();
  for (const event of logOf([begin(0), { call: 0, what: "end" }])) store.apply(event);
  expect(store.ended().map((call) => call.uuid)).toEqual(["call-0"]);
  const endedAt = BEGAN + 9000;
  store.sweep(endedAt + LEAVES_AFTER_MS - 1);
  expect(store.order()).toEqual(["call-0"]);
  frame();
  told.length = 0;
  store.sweep(endedAt + LEAVES_AFTER_MS);
  expect([store.order(), store.call("call-0")]).toEqual([[], undefined]);
  frame();
  expect(told).toEqual(["call-0", "list"]);
});

test("reading anew tells those whose call is gone", () => {
  const { store, told, frame } = made();
  store.apply(created as CallEvent);
  frame();
  told.length = 0;
  store.replace({ open: [], ended: [], agents: new Map() });
  frame();
  expect(told).toEqual(["call-0", "list"]);
  expect(store.call("call-0")).toBe(undefined);
});
