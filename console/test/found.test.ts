import { expect, test } from "vitest";
import { offer } from "../src/keys/found";

const around = {
  pages: [
    { title: "Board", href: "/live/board" },
    { title: "Calls", href: "/live/calls" },
  ],
  can: (name: string) => name === "end" || name === "next" || name === "calls",
  keycap: (key: string) => key,
  callHref: (callUuid: string) => `/live/calls/${callUuid}`,
};

function labels(text: string) {
  return offer(text, around).map(({ title, found }) => [title, ...found.map((f) => f.label)]);
}

test("without text, the actions of this page come first, then the pages", () => {
  expect(labels("")).toEqual([
    ["On this page", "End the call"],
    ["Pages", "Board", "Calls"],
  ]);
});

test("words match from their beginnings, in any order and case", () => {
  expect(labels("CALL")).toEqual([
    ["On this page", "End the call"],
    ["Pages", "Calls"],
  ]);
  expect(labels("call end")).toEqual([["On this page", "End the call"]]);
  expect(labels("oard")).toEqual([]);
});

test("the id of a call goes straight there", () => {
  const id = "019aa000-0000-7000-8000-000000000002";
  expect(offer(` ${id} `, around)[0]?.found[0]?.to).toEqual({ href: `/live/calls/${id}` });
});
