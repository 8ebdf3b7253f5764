// The line of a call that was recorded: bars are loudness, and what was never heard stays pale.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type CallLine, layout, type View } from "../src/line/layout";
import { loudnessIn, type Sound } from "../src/line/sound";

/** A second in which the caller speaks, then one in which the agent does. */
const WINDOWS = Array.from({ length: 40 }, (_, window) =>
  window < 20 ? [-48, 24, -1, 2] : [0, 1, -10, 96],
);
const SOUND: Sound = { from: 1000, peaks: Int8Array.from(WINDOWS.flat()) };

test("who can be heard is the loudest of their side, and nobody who is silent", () => {
  expect(loudnessIn(SOUND, 1000, 1500)).toEqual([{ who: "caller", loud: 0.5 }]);
  expect(loudnessIn(SOUND, 2500, 2600)).toEqual([{ who: "agent", loud: 1 }]);
  expect(loudnessIn(SOUND, 1900, 2100).map(({ who }) => who)).toEqual(["caller", "agent"]);
});

test("nothing is heard outside of the recording, and nothing is louder than loud", () => {
  const at = fc.integer({ min: -10_000, max: 10_000 });
  fc.assert(
    fc.property(at, fc.nat(5000), fc.int8Array(), (begin, length, peaks) => {
      for (const { loud } of loudnessIn({ from: 0, peaks }, begin, begin + length)) {
        expect(loud).toBeGreaterThan(0);
        expect(loud).toBeLessThanOrEqual(1);
      }
    }),
  );
  expect(loudnessIn(SOUND, 9000, 9500)).toEqual([]);
});

test("a call that was recorded is drawn as it sounds, and what was never heard from its words", () => {
  const call: CallLine = {
    spoken: [{ who: "agent", text: "heard and not heard", from: 2000, to: 3000, heard: 5 }],
    sound: SOUND,
    marks: [],
    quiet: [],
    began: 1000,
    ended: 5000,
  };
  const view: View = { from: 1000, to: 5000, width: 406, height: 100, step: 5, axis: 0 };
  const { bars, y } = layout(call, view);
  const of = (who: string, heard: boolean) =>
    bars.filter((bar) => bar.who === who && bar.heard === heard);
  expect(of("caller", true).length).toBe(20);
  expect(of("agent", true).length).toBe(20);
  expect(of("caller", true).every(({ tip }) => tip < y)).toBe(true);
  expect(Math.min(...of("agent", false).map(({ x }) => x))).toBeGreaterThanOrEqual(195);
  const height = ({ y: foot, tip }: { y: number; tip: number }) => Math.abs(tip - foot);
  const [caller, agent] = [of("caller", true)[3], of("agent", true)[3]];
  expect(caller && agent && height(agent) / height(caller)).toBeCloseTo(2);
});
