import { expect, test } from "vitest";
import { readOffer } from "../src/session/offer";

test("an offer names the ways to sign in", () => {
  const offer = readOffer({ version: "0.1.0", signIn: ["link", "password"], insecure: false });
  expect(offer).toEqual({ version: "0.1.0", signIn: ["link", "password"], insecure: false });
});

test.each([null, "x", [], {}, { version: 1, signIn: [] }, { version: "1", signIn: "password" }])(
  "%j is no offer",
  (answer) => {
    expect(readOffer(answer)).toBeNull();
  },
);
