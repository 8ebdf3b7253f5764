// What the line of a call shows.

import type { CallLine, Mark, Spoken } from "../line/layout";
import type { Call, Turn } from "./call";

// Written once for a call: the drawing asks twice a second, and a call that is the same is not
// drawn again.
const drawn = new WeakMap<Call, CallLine>();

/** Return what the line of a call shows. */
export function lineOf(call: Call): CallLine {
  const known = drawn.get(call);
  if (known) return known;
  const began = call.startedAt ?? call.turns[0]?.from ?? 0;
  const line: CallLine = {
    spoken: call.turns.map((turn, index) => spokenOf(turn, endBefore(turn, call.turns[index + 1]))),
    marks: call.marks.flatMap(({ kind, at }): Mark[] => {
      if (kind === "tool_call") return [{ kind: "tool", at }];
      return kind === "cut" ? [{ kind, at }] : [];
    }),
    quiet: quietOf(call, began),
    began,
    ended: call.endedAt ?? undefined,
  };
  drawn.set(call, line);
  return line;
}

/** Speech that was not understood has no words; it is drawn as even talk. */
const EVEN = { everyMs: 500, characters: 6 };

// One for each turn, which is how the drawing knows a turn that it has already cut into words.
const said = new WeakMap<Turn, Spoken>();

function spokenOf(turn: Turn, to: number): Spoken {
  const known = said.get(turn);
  if (known?.to === to) return known;
  const spoken = sayOf({ ...turn, to });
  said.set(turn, spoken);
  return spoken;
}

/** Where an end is a guess: an answer comes after its question, and a cut when the other begins. */
function endBefore({ who, from, to, interrupted }: Turn, next: Turn | undefined): number {
  const ends = who === "caller" || interrupted;
  return ends && next && next.who !== who && next.from > from ? Math.min(to, next.from) : to;
}

function sayOf({ who, text, from, to, heard, deltas, recognized }: Turn): Spoken {
  if (recognized) return { who, text, from, to, heard: heard?.length, deltas };
  const count = Math.floor((to - from) / EVEN.everyMs);
  const talk = Array.from({ length: count }, (_, number) => {
    return [from + (number + 1) * EVEN.everyMs, EVEN.characters] as const;
  });
  return { who, text, from, to, heard: count * EVEN.characters, deltas: talk };
}

/** Return when a call waited or was held; a time that lasts ends nowhere. */
function quietOf(call: Call, began: number): { from: number; to: number }[] {
  const quiet = [];
  const answered = call.answeredAt ?? call.endedAt ?? Infinity;
  if (answered > began) quiet.push({ from: began, to: answered });
  let from: number | null = null;
  for (const mark of call.marks) {
    if (mark.kind === "held") from ??= mark.at;
    if (mark.kind === "resumed" && from !== null) {
      quiet.push({ from, to: mark.at });
      from = null;
    }
  }
  if (from !== null) quiet.push({ from, to: call.endedAt ?? Infinity });
  return quiet;
}
