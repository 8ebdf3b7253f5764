// The contrast of every colour on every surface that it may lie on, worked out from tokens.css.

import { describe, expect, test } from "vitest";
import css from "../src/parts/tokens.css?raw";

const pairs = /--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g;
const tokens = Object.fromEntries(
  Array.from(css.matchAll(pairs), ([, name, light, dark]) => [name, { light, dark }]),
);

const SURFACES = ["ground", "panel", "sunk"];
const MEANINGS = ["tip", "ring", "sleeve", "lamp", "brass"];

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(over: string, under: string): number {
  const [dim = 0, bright = 0] = [luminance(over), luminance(under)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

function colour(name: string, scheme: "light" | "dark"): string {
  const value = tokens[name]?.[scheme];
  if (!value) throw new Error(`tokens.css has no ${name}`);
  return value;
}

test("a white sheet and black ink have the contrast that WCAG says", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
});

describe.each(["light", "dark"] as const)("%s", (scheme) => {
  const text = ["ink", "ink-2", "ink-3"].map((name) => [name, SURFACES] as const);
  const own = MEANINGS.map((name) => [name, [...SURFACES, `${name}-soft`]] as const);
  // A filled button's label, and the ink of a toast.
  const filled = [
    ["ground", ["ink"]],
    ["panel", ["sleeve"]],
  ] as const;

  test.each([...text, ...own, ...filled])("text in %s can be read", (name, surfaces) => {
    for (const surface of surfaces) {
      const ratio = contrast(colour(name, scheme), colour(surface, scheme));
      expect(ratio, `${name} on ${surface}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  test.each(["edge", ...MEANINGS.map((name) => `${name}-fill`)])("%s can be seen", (name) => {
    for (const surface of SURFACES) {
      const ratio = contrast(colour(name, scheme), colour(surface, scheme));
      expect(ratio, `${name} on ${surface}`).toBeGreaterThanOrEqual(3);
    }
  });
});
