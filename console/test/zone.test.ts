import { expect, test } from "vitest";
import { dayOf, midnight, moment, TIMES } from "../src/parts/zone";

const AT = Date.UTC(2026, 10, 30, 23, 5, 9);

test("a moment is written in UTC, whatever the viewer's zone", () => {
  const { day, minute, time, whole } = TIMES.utc;
  expect([day(AT), minute(AT), time(AT)]).toEqual(["30 Nov", "23:05", "23:05:09"]);
  expect(whole(AT)).toBe("30 Nov 2026, 23:05:09");
  expect(moment(AT)).toMatch(/, 2026-11-30 23:05:09 UTC$/u);
});

test("a moment is written in the viewer's zone", () => {
  expect(TIMES.own.time(new Date(2026, 10, 30, 10, 42, 7).getTime())).toBe("10:42:07");
});

test.each(["own", "utc"] as const)("a day of %s begins at its midnight", (zone) => {
  for (const day of ["2026-02-28", "2026-03-29", "2026-12-31"]) {
    const begins = midnight(day, zone);
    expect(dayOf(begins, zone)).toBe(day);
    expect(dayOf(begins - 1, zone)).not.toBe(day);
    expect(dayOf(midnight(day, zone, 1) - 1, zone)).toBe(day);
  }
});

test.each(["2026-02-31", "2026-13-01", "yesterday", ""])("%s is no day", (day) => {
  expect(midnight(day, "own")).toBeNaN();
  expect(midnight(day, "utc")).toBeNaN();
});
