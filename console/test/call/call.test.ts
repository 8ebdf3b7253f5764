// The call's page: the order of its transcript, its address, its files and its events in a line.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { longId, shortId } from "../../src/data/ids";
import type { Call } from "../../src/live/call";
import { type CallEvent, reduce } from "../../src/live/reducer";
import { callIn, placeOf, searchOf, TABS } from "../../src/pages/call/address";
import { asJson, asText, fileName, timeIn } from "../../src/pages/call/download";
import { type Entry, entriesOf, sharesOf } from "../../src/pages/call/entries";
import { curlOf, lineOf } from "../../src/pages/call/event";
import { logOf, ofOne, steps } from "../live/log";
import { mark, sampleCall, turn } from "../samples";

const CALL = sampleCall({ startedAt: 0, answeredAt: 0 });

function shown(entry: Entry): string {
  if (entry.kind === "turn") return `${entry.turn.who}: ${entry.turn.text}`;
  if (entry.kind === "note") return entry.text;
  return `${entry.asked.name} ${entry.answered ? entry.answered.at - entry.asked.at : "open"}`;
}

describe("a transcript", () => {
  test("has what happened where it happened, and an interruption behind what it cut off", () => {
    const call: Call = {
      ...CALL,
      turns: [
        turn("agent", 1000, { text: "Thank you, and", heard: "Thank you," }),
        turn("caller", 4000, { text: "Friday" }),
        turn("agent", 9000, { text: "Done" }),
      ],
      marks: [
        mark(500, { kind: "joined", role: "caller" }),
        mark(4500, { kind: "cut", heard: "Thank you,", atMs: 3000 }),
        mark(6000, { kind: "tool_call", name: "move", toolCallId: "1", detail: {} }),
        mark(6200, { kind: "tool_result", name: "move", toolCallId: "1", detail: {} }),
        mark(7000, { kind: "joined", role: "operator" }),
        mark(8000, { kind: "joined", role: "operator" }),
        mark(8100, { kind: "handoff", code: "barged", detail: {} }),
        mark(9500, { kind: "error", code: "recording_failed", detail: {} }),
      ],
    };
    expect(entriesOf(call).map(shown)).toEqual([
      "agent: Thank you, and",
      "Interrupted. What is struck through was never heard.",
      "caller: Friday",
      "move 200",
      "A person of the team joined.",
      "A person has the call. The agent is paused.",
      "agent: Done",
      "An error: recording failed.",
    ]);
  });

  test("pairs tools by their ids, or by their names in order", () => {
    const call: Call = {
      ...CALL,
      marks: [
        mark(1, { kind: "tool_call", name: "look", toolCallId: "a", detail: {} }),
        mark(2, { kind: "tool_call", name: "look", toolCallId: "b", detail: {} }),
        mark(5, { kind: "tool_result", name: "look", toolCallId: "b", detail: {} }),
        mark(6, { kind: "tool_call", name: "hang_up", toolCallId: null, detail: {} }),
        mark(8, { kind: "tool_result", name: "hang_up", toolCallId: null, detail: {} }),
        mark(9, { kind: "tool_result", name: "look", toolCallId: "c", detail: {} }),
      ],
    };
    expect(entriesOf(call).map(shown)).toEqual(["look open", "look 3", "hang_up 2", "look 0"]);
  });

  test("ends with why the call ended", () => {
    const call: Call = {
      ...CALL,
      status: "completed",
      hangupCause: "caller_hangup",
      endedAt: 5,
      turns: [turn("caller", 9, { text: "late" })],
    };
    expect(entriesOf(call).map(shown).at(-1)).toBe("The call has ended: the caller hung up.");
  });

  test("has each turn once, and keys that differ, whatever happened", () => {
    fc.assert(
      fc.property(steps, (drawn) => {
        const log = logOf(drawn).filter((event) => event.callUuid === "call-0");
        let call: Call | undefined;
        for (const event of log) call = reduce(call, event);
        if (call === undefined) return;
        const entries = entriesOf(call);
        const turns = entries.flatMap((entry) => (entry.kind === "turn" ? [entry.turn] : []));
        expect(turns).toEqual(call.turns);
        expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
      }),
    );
  });
});

test("who spoke for how long, and for how long nobody did", () => {
  const call: Call = {
    ...CALL,
    turns: [
      turn("caller", 1000, { text: "Are you open?" }),
      turn("agent", 3000, { text: "We are." }),
    ],
  };
  expect(sharesOf(call, 10_000)).toEqual({ caller: 1, agent: 1, silence: 8 });
  expect(sharesOf({ ...CALL, answeredAt: null }, 10_000)).toEqual({
    caller: 0,
    agent: 0,
    silence: 0,
  });
});

describe("the address", () => {
  test("holds the marked turn and the tab, and nothing that goes without saying", () => {
    fc.assert(
      fc.property(fc.option(fc.string()), fc.constantFrom(...TABS), (turnId, tab) => {
        const place = { turn: turnId, tab };
        expect(placeOf(searchOf(place))).toEqual(place);
      }),
    );
    expect(searchOf({ turn: null, tab: "events" })).toBe("");
    expect(placeOf("?about=nonsense")).toEqual({ turn: null, tab: "events" });
  });

  test("names a call, whatever an integrator calls it", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (name) => {
        expect(callIn(`/console/live/calls/${encodeURIComponent(name)}`)).toBe(name);
      }),
    );
    expect(callIn("/console/live/calls/%E0%A4%A")).toBe(null);
    expect(callIn("/console/live/calls")).toBe(null);
  });
});

describe("a file", () => {
  const call: Call = {
    ...CALL,
    contactName: "Priya Raman",
    agentName: "Front desk",
    turns: [
      turn("caller", 4000, { text: "I need to move it." }),
      turn("agent", 65_000, { text: "Friday, or Monday", heard: "Friday,", interrupted: true }),
      turn("caller", 70_000, { text: "", recognized: false }),
      turn("caller", 71_000, { text: "I am sti", isFinal: false }),
    ],
  };

  test("of text says who said what when, and what was never heard", () => {
    expect(asText(call).split("\n").slice(-5)).toEqual([
      "",
      "0:04  Caller: I need to move it.",
      "1:05  Front desk: Friday, [not heard: or Monday]",
      "1:10  Caller: (not understood)",
      "",
    ]);
  });

  test("of JSON has the names of the API", () => {
    const { transcript, ...rest } = JSON.parse(asJson(call));
    expect(rest).toMatchObject({ callUuid: "call-0", status: "answered", endedAt: null });
    expect(transcript).toHaveLength(3);
    expect(transcript[1]).toMatchObject({
      role: "assistant",
      text: "Friday, or Monday",
      spokenText: "Friday,",
      interrupted: true,
    });
  });

  test("has a name that every system takes", () => {
    expect(fileName({ ...call, uuid: "../a b:c/\u202e?" }, "txt")).toBe("transcript-..-a-b-c-.txt");
    expect(fileName({ ...call, uuid: "/" }, "txt")).toBe("transcript--.txt");
    expect(fileName({ ...call, uuid: "x".repeat(255) }, "json").length).toBeLessThan(100);
  });
});

test("times count from the answer", () => {
  expect(timeIn({ ...CALL, answeredAt: 1000 }, 61_000)).toBe("1:00");
  expect(timeIn({ ...CALL, answeredAt: 1000 }, 0)).toBe("0:00");
});

describe("an event", () => {
  test("is one line, however long and whatever it holds", () => {
    fc.assert(
      fc.property(steps, fc.string(), (drawn, text) => {
        for (const event of logOf(drawn)) {
          const data = { ...event.data, text };
          const line = lineOf({ ...event, data } as CallEvent);
          expect(line).not.toMatch(/[\n\r]/u);
          expect(line.length).toBeLessThanOrEqual(160);
        }
      }),
    );
  });

  test("is read again by a command that no name can break out of", () => {
    const [event] = logOf(ofOne()) as [CallEvent & { position: string }];
    const command = curlOf({ ...event, callUuid: "a'; rm -rf $HOME #" }, "https://v.example.com");
    expect(command).toContain("'https://v.example.com/rpc/public/run'");
    expect(command).toContain(`"callUuid":"a'\\''; rm -rf $HOME #"`);
    expect(command).toContain('"after":"0","limit":1');
    const [, second] = logOf(ofOne("answer")) as [CallEvent, CallEvent & { position: string }];
    expect(curlOf(second, "")).toContain('"after":"epoch001:1"');
  });
});

test("an id in its other form is the server's", () => {
  // The figures of docs/reference/ids.md and event-payloads.md.
  expect(shortId("agt", "019aa000-0000-7000-8000-000000000003")).toBe("agt_031egEnIbTuVnJpRLimaR9");
  expect(shortId("call", "00000000-0000-0000-0000-000000000000")).toBe(`call_${"0".repeat(22)}`);
  expect(longId("call", "agt_031egEnIbTuVnJpRLimaR9")).toBeNull();
  expect(longId("agt", "agt_031egEnIbTuVnJpRLimaR9")).toBe("019aa000-0000-7000-8000-000000000003");
  expect(longId("agt", `agt_${"z".repeat(22)}`)).toBeNull(); // more than 128 bits
});
