import { expect, test } from "vitest";
import { say, tellsOffset } from "../src/frame/said";
import { FIRST, type State, TRANSITIONS } from "../src/live/connection";
import { TIMES } from "../src/parts/zone";

const STATES = Object.keys(TRANSITIONS) as State[];

test.each(STATES)("%s begins with one of the four words", (state) => {
  expect(say({ ...FIRST, state }, TIMES.own).text).toMatch(
    /^(Connecting|Connected|Resuming|Offline)/u,
  );
});

test("what came late is counted, and a reason is given", () => {
  expect(say({ ...FIRST, state: "caught_up", caughtUp: 42 }, TIMES.own).text).toBe(
    "Connected, 42 events caught up",
  );
  expect(say({ ...FIRST, state: "caught_up", caughtUp: 0 }, TIMES.own).text).toBe("Connected");
  expect(say({ ...FIRST, state: "offline", reason: "The server is away." }, TIMES.own).text).toBe(
    "Offline. The server is away.",
  );
  const since = new Date(2026, 10, 30, 10, 42, 7).getTime();
  expect(say({ ...FIRST, state: "resuming", since }, TIMES.own).text).toBe(
    "Resuming since 10:42:07",
  );
});

test("the position is told while the feed is live", () => {
  expect(tellsOffset({ ...FIRST, state: "connected", offset: 7 })).toBe(true);
  expect(tellsOffset({ ...FIRST, state: "connected", offset: 0 })).toBe(false);
  expect(tellsOffset({ ...FIRST, state: "resuming", offset: 7 })).toBe(false);
});
