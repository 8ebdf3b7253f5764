// The one clock: the server's, whatever this machine says.

import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Bounds, boundsOf, Clock, narrow, type Told } from "../../src/live/clock";

const HOUR = 3_600_000;

/** An answer of a server that is ahead, with a delay on both ways. */
function answer(ahead: number, at: number, { out, back }: { out: number; back: number }): Told {
  const date = Math.floor((at + out + ahead) / 1000) * 1000;
  return { date, sentAt: at, cameAt: at + out + back };
}

const delays = fc.record({ out: fc.nat(5000), back: fc.nat(5000) });

test("the bounds hold the truth, and together they are never wider", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -HOUR, max: HOUR }),
      fc.array(fc.tuple(fc.nat(1e9), delays), { minLength: 1, maxLength: 20 }),
      (ahead, answers) => {
        let known: Bounds | null = null;
        for (const [at, delay] of answers) {
          const told = boundsOf(answer(ahead, at, delay));
          known = narrow(known, told);
          expect(known.least).toBeLessThanOrEqual(ahead);
          expect(known.most).toBeGreaterThanOrEqual(ahead);
          expect(known.most - known.least).toBeLessThanOrEqual(told.most - told.least);
        }
      },
    ),
  );
});

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test("a machine that is off by an hour shows the server's time", () => {
  const clock = new Clock();
  for (let each = 0; each < 20; each += 1) {
    vi.advanceTimersByTime(137);
    clock.correct(answer(HOUR, Date.now(), { out: 5, back: 5 }));
  }
  expect(Math.abs(clock.now() - Date.now() - HOUR)).toBeLessThan(200);
});

test("a machine whose clock was set is corrected with the next answer", () => {
  const clock = new Clock();
  clock.correct(answer(0, Date.now(), { out: 5, back: 5 }));
  vi.setSystemTime(Date.now() + HOUR);
  clock.correct(answer(-HOUR, Date.now(), { out: 5, back: 5 }));
  expect(Math.abs(clock.now() - Date.now() + HOUR)).toBeLessThan(1100);
});

test("a clock that is set while nothing is asked has the server asked, once", () => {
  const clock = new Clock();
  let asked = 0;
  clock.onBroken(() => {
    asked += 1;
    clock.correct(answer(-HOUR, Date.now(), { out: 5, back: 5 }));
  });
  const stop = clock.subscribe(() => {});
  clock.correct(answer(0, Date.now(), { out: 5, back: 5 }));
  vi.advanceTimersByTime(5000);
  expect(asked).toBe(0);
  vi.setSystemTime(Date.now() + HOUR);
  vi.advanceTimersByTime(5000);
  expect(asked).toBe(1);
  expect(Math.abs(clock.shown() - Date.now() + HOUR)).toBeLessThan(1100);
  stop();
});

test("what answers allowed before a jump narrows nothing after it", () => {
  const clock = new Clock();
  clock.correct(answer(0, Date.now(), { out: 2500, back: 2500 }));
  const stop = clock.subscribe(() => {});
  vi.setSystemTime(Date.now() + 3000);
  vi.advanceTimersByTime(1000);
  const after = answer(-3000, Date.now(), { out: 400, back: 400 });
  clock.correct(after);
  const { least, most } = boundsOf(after);
  expect(clock.now() - Date.now()).toBe((least + most) / 2);
  stop();
});

test("an answer without a date says nothing", () => {
  const clock = new Clock();
  clock.correct({ date: Number.NaN, sentAt: 0, cameAt: 0 });
  expect(clock.now()).toBe(Date.now());
});

test("it ticks once a second for all, and stands still while it is stopped", () => {
  const clock = new Clock();
  let ticks = 0;
  const stops = [1, 2].map(() => clock.subscribe(() => (ticks += 1)));
  const before = clock.shown();
  vi.advanceTimersByTime(999);
  expect([clock.shown(), ticks]).toEqual([before, 0]);
  vi.advanceTimersByTime(1);
  expect([clock.shown(), ticks]).toEqual([before + 1000, 2]);
  clock.stop();
  vi.advanceTimersByTime(5000);
  expect(clock.shown()).toBe(before + 1000);
  clock.resume();
  expect(clock.shown()).toBe(before + 6000);
  for (const stop of stops) stop();
  expect(vi.getTimerCount()).toBe(0);
});
