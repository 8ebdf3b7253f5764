import { expect, test } from "vitest";
import { backFrom, signInPath } from "../src/session/back";

test("one comes back to the same address", () => {
  const from = "/live/calls?state=ended&number=%2B44";
  expect(backFrom(signInPath(from).split("?")[1] ?? "")).toBe(from);
});

test("without an address one begins at the first page", () => {
  expect(signInPath("/")).toBe("/sign-in");
  expect(backFrom("")).toBe("/");
});

test.each(["https://elsewhere.example/", "//elsewhere.example", "/sign-in?to=/live/x", "live/x"])(
  "%s is no page of the console",
  (to) => {
    expect(backFrom(`to=${encodeURIComponent(to)}`)).toBe("/");
  },
);
