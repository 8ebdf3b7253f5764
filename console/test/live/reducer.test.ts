// The reducer: past and present in any order, once or twice, give the state of the log.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Call, forward, hasEnded } from "../../src/live/call";
import { BOARD, type CallEvent, reduce } from "../../src/live/reducer";
import { callOf, type Snapshot, withTurns } from "../../src/live/snapshot";
import { Store } from "../../src/live/store";
import { BEGAN, isDurable, listedAfter, logOf, ofOne, type Step, steps } from "./log";

function all(log: readonly CallEvent[]): Map<string, Call> {
  const calls = new Map<string, Call>();
  for (const event of log) {
    const call = reduce(calls.get(event.callUuid), event);
    if (call) calls.set(event.callUuid, call);
  }
  return calls;
}

/** What does not depend on since when one has watched. */
function lasting(call: Call | undefined) {
  if (call === undefined) return undefined;
  const { uuid, status, startedAt, answeredAt, endedAt, hangupCause, participants, turns } = call;
  const said = turns
    .filter((turn) => turn.isFinal)
    .map(({ id, who, text, heard, from }) => ({ id, who, text, heard, from }));
  return { uuid, status, startedAt, answeredAt, endedAt, hangupCause, participants, said };
}

function snapshotOf(log: readonly CallEvent[]): Snapshot {
  const { calls, turns } = listedAfter(log.filter(isDurable));
  const listed = calls.map((row) => {
    const own = turns.filter((turn) => turn.callUuid === row.callUuid);
    return withTurns(callOf(row), own);
  });
  return {
    open: listed.filter((call) => !hasEnded(call)),
    ended: listed.filter(hasEnded),
    agents: new Map(),
  };
}

describe("reducing", () => {
  test("a log that is replayed changes nothing", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (drawn, from) => {
        const log = logOf(drawn).filter(isDurable);
        const twice = all([...log, ...log.slice(from % (log.length + 1))]);
        expect(twice).toEqual(all(log));
      }),
    );
  });

  test("a part of a turn that comes again changes nothing", () => {
    const log = logOf(ofOne("answer", "hear"));
    const call = all(log).get("call-0") as Call;
    expect(call.turns).toMatchObject([{ text: "well", isFinal: false, sequence: 1 }]);
    expect(reduce(call, log.at(-2) as CallEvent)).toBe(call);
    expect(reduce(call, log.at(-1) as CallEvent)).toBe(call);
  });

  test("a part that comes behind its finished turn changes nothing", () => {
    const log = logOf(ofOne("answer", "hear", "say"));
    const call = all(log).get("call-0") as Call;
    expect(call.turns).toMatchObject([{ text: "text 0", isFinal: true }]);
    expect(reduce(call, log.at(-2) as CallEvent)).toBe(call);
  });

  test("a part alone makes no call", () => {
    const part = logOf(ofOne("answer", "hear")).at(-1) as CallEvent;
    expect(reduce(undefined, part)).toBe(undefined);
  });

  test("any snapshot and the events since any earlier moment give the state of the log", () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.nat(), (drawn, one, other) => {
        const log = logOf(drawn);
        const [first, second] = [one % (log.length + 1), other % (log.length + 1)];
        const store = new Store(() => {});
        store.replace(snapshotOf(log.slice(0, Math.max(first, second))));
        for (const event of log.slice(Math.min(first, second))) store.apply(event);
        for (const [uuid, call] of all(log)) {
          const found = store.call(uuid) ?? store.ended().find((ended) => ended.uuid === uuid);
          expect(lasting(found)).toEqual(lasting(call));
        }
        expect(new Set(store.order()).size).toBe(store.order().length);
      }),
      { numRuns: 300 },
    );
  });

  test("what was said keeps the order in which its speech began", () => {
    fc.assert(
      fc.property(steps, (drawn) => {
        for (const call of all(logOf(drawn)).values()) {
          const begun = call.turns.map((turn) => turn.from);
          expect(begun).toEqual(begun.toSorted((a, b) => a - b));
        }
      }),
    );
  });

  test("turns that began at once keep the order of the log", () => {
    const says = Array.from({ length: 20 }, (): Step["what"] => "say");
    const at = new Date().toISOString();
    const log = logOf(ofOne("answer", ...says)).map((event) => ({ ...event, occurredAt: at }));
    const call = all(log as CallEvent[]).get("call-0");
    expect(call?.turns.map(({ text }) => text)).toEqual(says.map((_, place) => `text ${place}`));
  });

  test("a row of the board keeps no more than it shows", () => {
    const says = Array.from({ length: 200 }, (): Step["what"] => "say");
    let call: Call | undefined;
    for (const event of logOf(ofOne("answer", ...says))) call = reduce(call, event, BOARD);
    expect(call?.turns.length).toBe(BOARD.turns);
    expect(call?.turns.at(-1)?.text).toBe("text 199");
  });

  test("a row of the board forgets what was over a minute ago, but for the latest turns", () => {
    const hours = Array.from({ length: 300 }, (): Step["what"][] => ["join", "say", "leave"]);
    const log = logOf(ofOne("answer", ...hours.flat()));
    let call: Call | undefined;
    log.forEach((event, minute) => {
      const occurredAt = new Date(BEGAN + minute * 61_000).toISOString();
      const left = "leftAt" in event.data && { leftAt: occurredAt };
      call = reduce(
        call,
        { ...event, occurredAt, data: { ...event.data, ...left } } as CallEvent,
        BOARD,
      );
    });
    expect(call?.turns.map(({ text }) => text)).toEqual(
      Array.from({ length: 6 }, (_, place) => `text ${294 + place}`),
    );
    expect(call?.participants.length).toBe(1);
    expect(call?.marks.length).toBe(1);
  });
});

test("the ledger of an answer says when the caller's speech was over", () => {
  const log = logOf(ofOne("answer", "say", "say"));
  const [asked, answer] = log.slice(-2) as [CallEvent, CallEvent];
  const latency = { totalMs: 300, voiceMs: 290, gatewayMs: 10 };
  const data = { ...answer.data, role: "assistant", latency };
  const call = all([...log.slice(0, -1), { ...answer, data } as CallEvent]).get("call-0");
  const [first, second] = call?.turns ?? [];
  expect(second?.from).toBe(Date.parse(answer.occurredAt));
  expect(first?.from).toBe(Date.parse(asked.occurredAt));
  expect(first?.to).toBe(Date.parse(answer.occurredAt) - 300);
});

test("a state never goes back, and the last one stays", () => {
  expect(forward("ringing", "initiated")).toBe("ringing");
  expect(forward("ringing", "queued")).toBe("queued");
  expect(forward("queued", "ringing")).toBe("ringing");
  expect(forward("answered", "ringing")).toBe("answered");
  expect(forward("completed", "answered")).toBe("completed");
  expect(forward("failed", "completed")).toBe("failed");
});
