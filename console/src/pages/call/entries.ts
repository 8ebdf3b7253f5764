// A call as its transcript shows it: turns, and what happened between them, in one order.

import { heardMs } from "../../line/layout";
import type { Call, Mark, Turn } from "../../live/call";
import { causeOf } from "../../live/causes";
import { type Gap, gapsOf } from "../../live/facts";
import { lineOf } from "../../live/line";

/** What stands in the transcript; `at` is its time, `key` its address. */
export type Entry = { key: string; at: number } & (
  | { kind: "turn"; turn: Turn; gap: Gap | null }
  | { kind: "tool"; asked: ToolMark; answered: ToolMark | null }
  | { kind: "note"; note: Note; text: string; detail: object | null }
);

/** What a note is about: it decides its shape. */
export type Note = "cut" | "person" | "quiet" | "failed" | "plain";

type ToolMark = Extract<Mark, { kind: "tool_call" | "tool_result" }>;

/** Return what a transcript shows, in order. */
export function entriesOf(call: Call): Entry[] {
  const gaps = new Map(gapsOf(call.turns).map((gap) => [gap.turn.id, gap]));
  const turns = call.turns.map((turn): Entry => {
    return { key: turn.id, at: turn.from, kind: "turn", turn, gap: gaps.get(turn.id) ?? null };
  });
  const cuts = call.marks.filter((mark) => mark.kind === "cut");
  const others = call.marks.filter((mark) => mark.kind !== "cut" && !isTold(mark, call.marks));
  const between = [...turns, ...tools(others), ...others.flatMap(noteOf), ...endOf(call)];
  const entries = between.sort((one, other) => one.at - other.at);
  for (const cut of cuts) entries.splice(placeOf(cut, entries), 0, cutNote(cut));
  return entries;
}

/** An interruption stands behind the turn that it cut off, whatever the caller had begun by then. */
function placeOf(cut: Mark, entries: readonly Entry[]): number {
  const isCut = (entry: Entry) =>
    entry.kind === "turn" && entry.turn.who === "agent" && entry.at <= cut.at;
  const turn = entries.findLastIndex(isCut);
  if (turn >= 0) return turn + 1;
  const after = entries.findIndex((entry) => entry.at > cut.at);
  return after < 0 ? entries.length : after;
}

function cutNote(cut: Mark): Entry {
  const text = "Interrupted. What is struck through was never heard.";
  return { key: cut.id, at: cut.at, kind: "note", note: "cut", text, detail: null };
}

/** Pair what was asked of tools with what they answered: by its id, or else by its name, in order. */
function tools(marks: readonly Mark[]): Entry[] {
  const open: ToolEntry[] = [];
  const made: Entry[] = [];
  for (const mark of marks) {
    if (mark.kind === "tool_call") {
      const entry: ToolEntry = {
        key: mark.id,
        at: mark.at,
        kind: "tool",
        asked: mark,
        answered: null,
      };
      open.push(entry);
      made.push(entry);
    } else if (mark.kind === "tool_result") {
      const place = open.findIndex(({ asked }) => belongs(asked, mark));
      const [entry] = place < 0 ? [] : open.splice(place, 1);
      if (entry) entry.answered = mark;
      else made.push({ key: mark.id, at: mark.at, kind: "tool", asked: mark, answered: mark });
    }
  }
  return made;
}

type ToolEntry = Extract<Entry, { kind: "tool" }>;

function belongs(asked: ToolMark, answered: ToolMark): boolean {
  if (asked.toolCallId !== null || answered.toolCallId !== null) {
    return asked.toolCallId === answered.toolCallId;
  }
  return asked.name === answered.name;
}

const HANDOFFS: Readonly<Record<string, string>> = {
  barged: "A person has the call. The agent is paused.",
  ai_resumed: "The agent has the call again.",
};

/** So close together, a hand-over is why somebody joined or left. */
const TOGETHER_MS = 1000;

/** Whether a hand-over says already that a person of the team has come or gone. */
function isTold(mark: Mark, marks: readonly Mark[]): boolean {
  if ((mark.kind !== "joined" && mark.kind !== "left") || mark.role !== "operator") return false;
  const isWhy = ({ kind, at }: Mark) => kind === "handoff" && Math.abs(at - mark.at) < TOGETHER_MS;
  return marks.some(isWhy);
}

/** Return what a transcript says of a mark; nothing of those that turns and tools show. */
function noteOf(mark: Mark): Entry[] {
  const said = say(mark);
  if (said === null) return [];
  const detail = "detail" in mark && mark.kind !== "handoff" ? mark.detail : null;
  const [note, text] = said;
  return [{ key: mark.id, at: mark.at, kind: "note", note, text, detail }];
}

const PEOPLE: ReadonlySet<string> = new Set(["operator", "supervisor", "callee"]);

function say(mark: Mark): [Note, string] | null {
  switch (mark.kind) {
    case "joined":
    case "left": {
      if (!PEOPLE.has(mark.role)) return null;
      return ["person", `${ROLES[mark.role]} ${mark.kind === "joined" ? "joined" : "left"}.`];
    }
    case "held":
      return ["quiet", "On hold."];
    case "resumed":
      return ["quiet", "Off hold."];
    case "silence":
      return ["quiet", `Nothing was said for ${Math.round(mark.silenceMs / 1000)} s.`];
    case "transferred":
      return ["plain", `Transferred to ${mark.destination}.`];
    case "handoff":
      return ["person", HANDOFFS[mark.code] ?? `Handed over: ${words(mark.code)}.`];
    case "error":
      return ["failed", `An error: ${words(mark.code)}.`];
    case "policy":
      return ["plain", `A rule applied: ${words(mark.code)}.`];
    case "note":
      return ["plain", `A note: ${words(mark.code)}.`];
    case "tool_call":
    case "tool_result":
    case "cut":
      return null;
  }
}

/** The roles of those on a call, as the console writes them. */
export const ROLES: Readonly<Record<Extract<Mark, { role: string }>["role"], string>> = {
  caller: "Caller",
  callee: "Called party",
  operator: "A person of the team",
  ai_agent: "Agent",
  supervisor: "A supervisor",
};

function endOf(call: Call): Entry[] {
  if (call.endedAt === null) return [];
  const text = `The call has ended: ${causeOf(call)}.`;
  return [{ key: "end", at: Infinity, kind: "note", note: "plain", text, detail: null }];
}

/** Write a code as words: `recording_failed` is "recording failed". */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}

/** Return how many seconds who spoke, and how many nobody did, since the call was answered. */
export function sharesOf(call: Call, now: number): Record<"caller" | "agent" | "silence", number> {
  const [from, to] = [call.answeredAt ?? now, call.endedAt ?? now];
  const { caller, agent, person } = heardMs(lineOf(call), from, to);
  const silence = Math.max(0, to - from - caller - agent - person);
  const seconds = (ms: number) => Math.round(ms / 1000);
  return { caller: seconds(caller), agent: seconds(agent + person), silence: seconds(silence) };
}
