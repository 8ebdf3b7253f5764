import { expect, test } from "vitest";
import {
  clock,
  count,
  counted,
  head,
  isNumber,
  percent,
  sentence,
  spell,
  tail,
} from "../src/parts/format";
import { moved, withCurrent } from "../src/parts/rows";

test.each([
  [-5, "0:00"],
  [48_000, "0:48"],
  [666_000, "11:06"],
  [3_729_000, "1:02:09"],
])("%i ms read %s on a clock", (ms, text) => expect(clock(ms)).toBe(text));

test.each([
  [400, "0 seconds"],
  [1000, "1 second"],
  [14 * 60_000, "14 minutes"],
  [25 * 3_600_000, "1 day"],
])("%i ms are %s", (ms, text) => expect(spell(ms)).toBe(text));

test("numbers are written with thin spaces, shares with one decimal", () => {
  expect(count(18431)).toBe("18\u2009431");
  expect(counted(1, "entry", "entries")).toBe("1 entry");
  expect(percent(412, 427)).toBe("96.5");
  expect([percent(0, 5), percent(5, 5), percent(9999, 10_000)]).toEqual(["0.0", "100", "100.0"]);
});

test("a number is told from a name", () => {
  expect(["+442079460132", "0132 496"].every(isNumber)).toBe(true);
  expect(["web:anonymous", "7 Dwarfs", "+", ""].some(isNumber)).toBe(false);
});

test("a text is not cut within a character", () => {
  expect([head("ab😀", 3), head("ab😀", 4), head("ab", 9)]).toEqual(["ab", "ab😀", "ab"]);
  expect([tail("😀ab", 3), tail("😀ab", 4), tail("ab", 9)]).toEqual(["ab", "😀ab", "ab"]);
});

test("arrows move within the rows, and begin at either end", () => {
  expect(moved("next", -1, 3)).toBe(0);
  expect(moved("previous", -1, 3)).toBe(2);
  expect(moved("next", 2, 3)).toBe(2);
  expect(moved("previous", 0, 3)).toBe(0);
  expect(moved("first", 2, 3)).toBe(0);
  expect(moved("last", 0, 3)).toBe(2);
  expect(["next", "previous", "first", "last"].map((m) => moved(m as "next", -1, 0))).toEqual([
    -1, -1, -1, -1,
  ]);
});

test("the row that has the focus stays drawn", () => {
  expect(withCurrent([10, 11], 2, 20)).toEqual([2, 10, 11]);
  expect(withCurrent([10, 11], 11, 20)).toEqual([10, 11]);
  expect(withCurrent([10, 11], -1, 20)).toEqual([10, 11]);
  expect(withCurrent([0], 5, 3)).toEqual([0]);
});

test.each([
  ["the old password is wrong", "The old password is wrong."],
  ["Did it ring?", "Did it ring?"],
  ["Ending…", "Ending…"],
  ["", ""],
])("%j is written %j", (told, written) => expect(sentence(told)).toBe(written));
