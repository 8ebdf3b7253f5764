import { expect, test } from "vitest";
import { capitalised, likeText } from "../src/frame/findCalls";
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

test("a name is looked for with its capitals", () => {
  expect(capitalised("tomás vidal-öz")).toBe("Tomás Vidal-Öz");
});

test("a call is looked for by its id in both forms, and by the digits of a number", () => {
  expect(likeText("call_031egEnIbTuVnJpRLimaR9")).toEqual({
    id: { eq: "019aa000-0000-7000-8000-000000000003" },
  });
  expect(likeText("+44 (20) 7946-0132").or).toEqual([
    { callUuid: { eq: "+44 (20) 7946-0132" } },
    { fromNumber: { contains: "+442079460132" } },
    { toNumber: { contains: "+442079460132" } },
  ]);
  expect(likeText("Priya").or).toContainEqual({ fromNumber: { contains: "Priya" } });
});
