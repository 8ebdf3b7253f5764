// One call from its beginning: followed first, read second, whatever happens meanwhile.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Followers } from "../../src/live/followers";
import { History, type Page } from "../../src/live/history";
import { type CallEvent, reduce } from "../../src/live/reducer";
import { callOf, type ListedCall, withGrowing, withTurns } from "../../src/live/snapshot";
import { isDurable, listedAfter, logOf, ofOne, type Step } from "./log";

const LOG = logOf(ofOne("answer", "hear", "say", "tool", "cut", "say", "hold", "resume", "end"));
const DURABLE = LOG.filter(isDurable);
const WHOLE = LOG.reduce<ReturnType<typeof reduce>>(
  (call, event) => reduce(call, event),
  undefined,
);

function page(log: readonly CallEvent[], after: string, size: number): Page {
  const from = after === "0" ? 0 : Number(after.split(":")[1]);
  const left = log.filter((event) => "offset" in event && event.offset > from);
  const events = left.slice(0, size);
  const last = events.at(-1);
  const position = last && "position" in last ? last.position : after;
  return { events, position, hasMore: left.length > size };
}

async function settled(): Promise<void> {
  for (let each = 0; each < 40; each += 1) await Promise.resolve();
}

test("whenever it is opened, and however slowly it is read, it is the whole call", async () => {
  const at = fc.nat(LOG.length);
  await fc.assert(
    fc.asyncProperty(at, at, fc.integer({ min: 1, max: 5 }), async (one, other, size) => {
      const [opened, answered] = [Math.min(one, other), Math.max(one, other)];
      const followers = new Followers();
      let open: () => void = () => {};
      const gate = new Promise<void>((give) => (open = give));
      const history = new History({
        uuid: "call-0",
        follow: (follower) => followers.follow("call-0", follower),
        read: async (after) => {
          await gate;
          return page(
            DURABLE.filter((event) => LOG.indexOf(event) < answered),
            after,
            size,
          );
        },
        known: async () => null,
        withTurns: async (call) => call,
        schedule: (callback) => callback(),
      });
      for (const event of LOG.slice(opened, answered)) followers.tell(event);
      expect(history.past().state).toBe("reading");
      open();
      await settled();
      for (const event of LOG.slice(answered)) followers.tell(event);
      const { state, call, events } = history.past();
      expect(state).toBe("read");
      expect(events).toEqual(DURABLE);
      expect(call?.turns.map((turn) => turn.text)).toEqual(["text 0", "text 1"]);
      expect(call?.marks).toEqual(WHOLE?.marks);
      expect(call).toMatchObject({ status: "completed", offset: DURABLE.length });
      history.close();
    }),
  );
});

test("a call whose events are no longer kept is what is listed of it", async () => {
  const { calls, turns } = listedAfter(DURABLE);
  const [row] = calls as [ListedCall];
  const history = new History({
    uuid: "call-0",
    follow: () => () => {},
    read: async (after) => page([], after, 5),
    known: async () => ({ call: callOf(row), row }),
    withTurns: async (call) => withTurns(call, turns),
    schedule: (callback) => callback(),
  });
  await settled();
  const { call, events } = history.past();
  expect(events).toEqual([]);
  expect(call).toMatchObject({ status: "completed" });
  expect(call?.turns.map((turn) => turn.text)).toEqual(["text 0", "text 1"]);
});

test.each(LOG.slice(1).map((event, at) => [at + 1, event.type] as const))(
  "opened after event %i, before %s, it has what is being said on it",
  async (cut) => {
    const seen = LOG.slice(0, cut);
    const followed = seen.reduce<ReturnType<typeof reduce>>(
      (so, event) => reduce(so, event),
      undefined,
    );
    const [row] = listedAfter(seen.filter(isDurable)).calls as [ListedCall];
    const followers = new Followers();
    const history = new History({
      uuid: "call-0",
      follow: (follower) => followers.follow("call-0", follower),
      read: async (after) => page(seen, after, 5),
      known: async () => ({ call: withGrowing(callOf(row), followed), row }),
      withTurns: async (call) => call,
      schedule: (callback) => callback(),
    });
    await settled();
    const said = (call: ReturnType<typeof reduce> | null) =>
      call?.turns.map(({ id, text, isFinal }) => [id, text, isFinal]);
    expect(said(history.past().call)).toEqual(said(followed));
    for (const event of LOG.slice(cut)) followers.tell(event);
    expect(history.past().call?.turns.map(({ text }) => text)).toEqual(["text 0", "text 1"]);
  },
);

test("a call that there is not has no events and is null", async () => {
  const history = new History({
    uuid: "call-0",
    follow: () => () => {},
    read: async (after) => page([], after, 5),
    known: async () => null,
    withTurns: async (call) => call,
    schedule: (callback) => callback(),
  });
  await settled();
  expect(history.past()).toMatchObject({ state: "read", call: null, events: [] });
});

test("events of other calls are not taken", async () => {
  const others = logOf([...ofOne("answer"), { call: 1, what: "ring" }]);
  const history = new History({
    uuid: "call-0",
    follow: () => () => {},
    read: async (after) => page(others, after, 5),
    known: async () => null,
    withTurns: async (call) => call,
    schedule: (callback) => callback(),
  });
  await settled();
  expect(history.past().events.map((event) => event.callUuid)).toEqual(["call-0", "call-0"]);
});

test("a read that fails says so, and may be tried again", async () => {
  let away = true;
  let told = 0;
  const history = new History({
    uuid: "call-0",
    follow: () => () => {},
    read: async (after) => {
      if (away) throw new Error("away");
      return page(DURABLE, after, 5);
    },
    known: async () => null,
    withTurns: async (call) => call,
    schedule: (callback) => callback(),
  });
  history.subscribe(() => (told += 1));
  await settled();
  expect(history.past()).toMatchObject({ state: "failed", error: new Error("away") });
  away = false;
  history.readAnew();
  await settled();
  expect(history.past().state).toBe("read");
  expect(told).toBe(2);
});

test("two thousand turns are reduced at once", async () => {
  const says = Array.from({ length: 2000 }, (): Step["what"] => "say");
  const log = logOf(ofOne("answer", ...says));
  const history = new History({
    uuid: "call-0",
    follow: () => () => {},
    read: async (after) => page(log, after, 1000),
    known: async () => null,
    withTurns: async (call) => call,
    schedule: (callback) => callback(),
  });
  await settled();
  expect(history.past().call?.turns.length).toBe(2000);
});
