import { expect, test } from "vitest";
import { isTransient, waitAfter } from "../src/data/queries";
import { ApiError } from "../src/data/rpc";
import { FIRST, homeOf, PAGES } from "../src/routes";

function refused(type: string, headers: Record<string, string> = {}) {
  const error = { type, message: type, shortMessage: type, fields: [], path: [], vars: {} };
  return new ApiError([error], new Response(null, { status: 400, headers }));
}

test.each([
  [new ApiError([], undefined), true], // no answer at all
  [refused("unavailable"), true],
  [refused("rate_limited"), false],
  [refused("forbidden"), false],
  [new TypeError("a bug"), false],
])("%o is tried again: %s", (error, again) => {
  expect(isTransient(error)).toBe(again);
});

test("the wait grows up to a bound, and the server's own counts", () => {
  const away = new ApiError([], undefined);
  expect([0, 1, 2, 3, 4, 5, 20].map((failures) => waitAfter(failures, away))).toEqual([
    500, 1000, 2000, 4000, 8000, 10_000, 10_000,
  ]);
  expect(waitAfter(3, refused("unavailable", { "retry-after": "2" }))).toBe(2000);
});

test("a page belongs to a page of the rail, which both environments have", () => {
  for (const { path, rail } of PAGES) {
    if (rail) expect(homeOf(`/live${path}`)).toBe(path);
    if (rail) expect(homeOf(`/test${path}/something`)).toBe(path);
  }
  expect(homeOf("/live/unknown")).toBe(FIRST.path);
});
