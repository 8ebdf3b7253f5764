import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CallLine, layout, type Spoken, describe as say, type View } from "../src/line/layout";

const CALL: CallLine = { spoken: [], marks: [], quiet: [], began: 0 };
const VIEW: View = { from: 0, to: 60_000, width: 406, height: 30, step: 4, axis: 0 };
const TURN: Spoken = { who: "caller", text: "Do you open on Thursdays?", from: 6000, to: 9000 };

test("the caller stands above the line and whoever answers below", () => {
  const agent: Spoken = { ...TURN, who: "agent", from: 12_000, to: 15_000 };
  const { bars, y } = layout({ ...CALL, spoken: [TURN, agent] }, VIEW);
  for (const bar of bars) {
    expect(bar.who === "caller" ? bar.tip < bar.y && bar.y < y : bar.tip > bar.y && bar.y > y).toBe(
      true,
    );
  }
  expect(new Set(bars.map(({ who }) => who))).toEqual(new Set(["caller", "agent"]));
});

test("bars stand where the turn was, and time runs from left to right", () => {
  const xs = layout({ ...CALL, spoken: [TURN] }, VIEW).bars.map(({ x }) => x);
  expect(Math.min(...xs)).toBeGreaterThanOrEqual(40);
  expect(Math.max(...xs)).toBeLessThanOrEqual(60);
  expect(xs.length).toBeGreaterThan(3);
});

test("a longer word makes a higher bar, up to the highest", () => {
  const said = (text: string) => {
    const turn = { ...TURN, text, from: 10_000, to: 11_000 };
    const { bars } = layout({ ...CALL, spoken: [turn] }, VIEW);
    return Math.max(...bars.map(({ y, tip }) => y - tip));
  };
  expect(said("an")).toBeLessThan(said("appointment"));
  expect(said("x".repeat(200))).toBeLessThanOrEqual(VIEW.height / 2);
});

test("a delta is spread over the half second before it came", () => {
  const turn: Spoken = { ...TURN, text: "Hello", from: 29_500, to: 30_000, deltas: [[30_000, 5]] };
  const near = { ...VIEW, from: 25_000, to: 35_000 };
  const xs = layout({ ...CALL, spoken: [turn] }, near).bars.map(({ x }) => x);
  expect(xs).toEqual([180, 184, 188, 192, 196]);
  const far = layout({ ...CALL, spoken: [turn] }, VIEW).bars;
  expect(far.map(({ x }) => x)).toEqual([200]);
});

test("much at once was said before by a caller, and is going to be by an agent", () => {
  const text = "We are open every day from nine in the morning until ten at night.";
  const span = (who: Spoken["who"]) => {
    const deltas = [[30_000, text.length]] as const;
    const turn: Spoken = { who, text, from: 30_000, to: 30_000, deltas };
    return layout({ ...CALL, spoken: [turn] }, VIEW).bars.map(({ x }) => x);
  };
  expect(Math.max(...span("caller"))).toBeLessThanOrEqual(200);
  expect(Math.min(...span("agent"))).toBeGreaterThanOrEqual(200);
  expect(span("caller").length).toBeGreaterThan(5);
  expect(span("agent").length).toBeGreaterThan(5);
});

test("speech that nobody understood is drawn without its words", () => {
  const deltas = [[30_500, 6]] as const;
  const turn: Spoken = { ...TURN, text: "", heard: 6, from: 30_000, to: 30_500, deltas };
  expect(layout({ ...CALL, spoken: [turn] }, VIEW).bars).toHaveLength(1);
});

test("what an agent says faster than anybody speaks is drawn one after another", () => {
  const deltas = Array.from({ length: 20 }, (_, at) => [30_000 + 20 * at, 5] as const);
  const turn: Spoken = { who: "agent", text: "word ".repeat(20), from: 30_000, to: 30_400, deltas };
  const xs = layout({ ...CALL, spoken: [turn] }, VIEW).bars.map(({ x }) => x);
  expect(Math.max(...xs) - Math.min(...xs)).toBeGreaterThan((5000 / 60_000) * 400);
});

test("what was never heard follows the interruption, pale", () => {
  const turn: Spoken = {
    who: "agent",
    text: "Friday at nine, or Monday at ten forty",
    heard: "Friday at nine,".length,
    from: 20_000,
    to: 22_000,
  };
  const drawn = layout(
    { ...CALL, spoken: [turn], marks: [{ kind: "cut", at: 22_000 }] },
    { ...VIEW },
  );
  const [cut = 0] = drawn.cuts;
  const heard = drawn.bars.filter((bar) => bar.heard);
  const lost = drawn.bars.filter((bar) => !bar.heard);
  expect(heard.length && lost.length).toBeGreaterThan(0);
  expect(Math.max(...heard.map(({ x }) => x))).toBeLessThanOrEqual(cut);
  expect(Math.min(...lost.map(({ x }) => x))).toBeGreaterThanOrEqual(cut);
});

describe("the line itself", () => {
  test("is drawn from the call's beginning to now, which is a dot", () => {
    const { base, now } = layout({ ...CALL, began: 30_000 }, VIEW);
    expect(base).toEqual([{ from: 200, to: 400, dashed: false }]);
    expect(now).toBe(400);
  });

  test("is dashed while the call is held, and whole again afterwards", () => {
    const { base } = layout({ ...CALL, quiet: [{ from: 15_000, to: 30_000 }] }, VIEW);
    expect(base.map(({ dashed }) => dashed)).toEqual([false, true, false]);
    expect(base.map(({ to }) => to)).toEqual([100, 200, 400]);
  });

  test("has no dot while the call waits", () => {
    const waits = { ...CALL, quiet: [{ from: 0, to: Number.POSITIVE_INFINITY }] };
    expect(layout(waits, VIEW)).toMatchObject({
      now: null,
      base: [{ from: 0, to: 400, dashed: true }],
    });
  });

  test("ends where the call ended, without a dot", () => {
    const { base, now } = layout({ ...CALL, ended: 45_000 }, VIEW);
    expect([base[0]?.to, now]).toEqual([300, null]);
  });
});

test("marks outside of what is shown are left out", () => {
  const marks = [
    { kind: "tool", at: 1000 },
    { kind: "cut", at: 61_000 },
    { kind: "tool", at: -1 },
  ] as const;
  const { tools, cuts } = layout({ ...CALL, marks }, VIEW);
  expect([tools.length, cuts.length]).toEqual([1, 0]);
});

test("the axis counts from the call's beginning, in whole steps", () => {
  const view = { ...VIEW, from: 1000, to: 49_000, axis: 16 };
  const ticks = (width: number) =>
    layout({ ...CALL, began: 1000 }, { ...view, width }).ticks.map(({ at }) => at / 1000);
  expect(ticks(1006)).toEqual([0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
  expect(ticks(346)).toEqual([0, 10, 20, 30, 40]);
});

test("the sentence says who spoke, for how long, and what happened", () => {
  const call: CallLine = {
    ...CALL,
    spoken: [TURN],
    marks: [{ kind: "cut", at: 9000 }],
  };
  expect(say(call, 0, 60_000)).toBe("Line: caller 3 s, 1 interruption");
  expect(say(CALL, 0, 60_000)).toBe("Line: nothing said");
});

test("whatever was said, no stroke leaves the picture", () => {
  const turn = fc.record({
    who: fc.constantFrom("caller" as const, "agent" as const, "person" as const),
    text: fc.string({ unit: "grapheme", maxLength: 300 }),
    from: fc.integer({ min: -60_000, max: 60_000 }),
    to: fc.integer({ min: -60_000, max: 60_000 }),
    heard: fc.option(fc.nat(300), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 8 }), (spoken) => {
      for (const bar of layout({ ...CALL, spoken }, VIEW).bars) {
        expect(bar.x).toBeGreaterThanOrEqual(0);
        expect(bar.x).toBeLessThanOrEqual(VIEW.width);
        expect(bar.tip).toBeGreaterThanOrEqual(0);
        expect(bar.tip).toBeLessThanOrEqual(VIEW.height);
      }
    }),
  );
});
