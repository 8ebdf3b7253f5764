// The line: time from left to right, ending in a dot that is now. Bars above it are the caller,
// below it whoever answers. Dashed: waiting or held. Diamond: a tool call. Cross: interrupted; the
// pale bars after it were generated and never heard. From turns and marks to strokes; no drawing.
//
// A bar's height says how many characters were said then: it is activity from the transcript. It is
// loudness once there is a recording.

import {
  MOST_LOST_MS,
  MS_A_CHARACTER,
  type Piece,
  piecesOf,
  type Speaker,
  type Spoken,
} from "./pieces";

import { loudnessIn, type Sound } from "./sound";

export type { Speaker, Spoken } from "./pieces";

export interface Mark {
  kind: "tool" | "cut";
  at: number;
}

/** A time without talk: the call waits or is held. */
export interface Quiet {
  from: number;
  to: number;
}

export interface CallLine {
  spoken: readonly Spoken[];
  /** What was heard of it, if that was recorded. */
  sound?: Sound | undefined;
  marks: readonly Mark[];
  quiet: readonly Quiet[];
  /** When the call began, and ended if it has. */
  began: number;
  ended?: number | undefined;
}

/** The part of a call to draw, and the room for it, in CSS pixels. */
export interface View {
  from: number;
  to: number;
  width: number;
  height: number;
  /** From one bar to the next. */
  step: number;
  /** Room below for the axis. */
  axis: number;
}

export interface Bar {
  who: Speaker;
  heard: boolean;
  x: number;
  /** Where it leaves the line, and where it ends. */
  y: number;
  tip: number;
}

export interface Drawing {
  /** The line's own height. */
  y: number;
  base: readonly { from: number; to: number; dashed: boolean }[];
  bars: readonly Bar[];
  tools: readonly number[];
  cuts: readonly number[];
  /** Where now is; null once the call has ended, or while it waits. */
  now: number | null;
  ticks: readonly { x: number; at: number }[];
}

/** So many characters at one time make a bar of three quarters; no number makes more than all. */
const FULL = 9;
/** From the line to a bar. */
const FOOT = 2;
/** At the dot: room so that it is not cut off. */
const MARGIN = 6;
/** A time and the room around it. */
const TICK_PX = 48;
const TICKS_MS = [5, 10, 30, 60, 120, 300, 600, 1800].map((seconds) => seconds * 1000);

/** Turn what happened into strokes for one view. */
export function layout(call: CallLine, view: View): Drawing {
  const until = Math.min(view.to, call.ended ?? view.to);
  const span = Math.max(1, view.to - view.from);
  const room = view.width - MARGIN;
  const x = (at: number) => ((at - view.from) / span) * room;
  const y = Math.round((view.height - view.axis) / 2) + 0.5;
  const within = (at: number) => at >= view.from && at <= until;
  const base = segments(call, { from: view.from, until, x });
  const waits = base.at(-1)?.dashed ?? false;
  return {
    y,
    base,
    bars: barsOf(call, { view, until, x, y }),
    tools: call.marks.filter((mark) => mark.kind === "tool" && within(mark.at)).map((m) => x(m.at)),
    cuts: call.marks.filter((mark) => mark.kind === "cut" && within(mark.at)).map((m) => x(m.at)),
    now: waits || call.ended !== undefined ? null : x(until),
    ticks: view.axis ? ticks(call, { from: view.from, until, span, room, x }) : [],
  };
}

/** Return for how long each speaker was heard, as it is drawn, in milliseconds. */
export function heardMs(call: CallLine, from: number, to: number): Record<Speaker, number> {
  const heard = { caller: 0, agent: 0, person: 0 };
  for (const piece of pieces(call, from, to)) {
    const shown = Math.min(piece.to, to) - Math.max(piece.from, from);
    if (piece.heard && shown > 0) heard[piece.who] += shown;
  }
  return heard;
}

/** Say the drawing in a sentence, which is its accessible name. */
export function describe(call: CallLine, from: number, to: number): string {
  const heard = heardMs(call, from, to);
  const seen = (kind: Mark["kind"]) =>
    call.marks.filter((mark) => mark.kind === kind && mark.at >= from && mark.at <= to).length;
  const said = (["caller", "agent", "person"] as const)
    .filter((who) => heard[who] >= 500)
    .map((who) => `${who} ${Math.round(heard[who] / 1000)} s`);
  const happened = [
    [seen("cut"), "interruption"] as const,
    [seen("tool"), "tool call"] as const,
  ].flatMap(([n, noun]) => (n ? [`${n} ${noun}${n === 1 ? "" : "s"}`] : []));
  const facts = [...said, ...happened];
  return `Line: ${facts.length ? facts.join(", ") : "nothing said"}`;
}

function segments(call: CallLine, { from, until, x }: Range): Drawing["base"] {
  const begin = Math.max(from, call.began);
  const made: { from: number; to: number; dashed: boolean }[] = [];
  let at = begin;
  const reach = (to: number, dashed: boolean) => {
    if (to > at) made.push({ from: x(at), to: x(to), dashed });
    at = Math.max(at, to);
  };
  for (const { from: start, to } of call.quiet) {
    reach(Math.min(start, until), false);
    reach(Math.min(to, until), true);
  }
  reach(until, false);
  return made;
}

interface Range {
  from: number;
  until: number;
  x(at: number): number;
}

interface Frame {
  view: View;
  until: number;
  x(at: number): number;
  y: number;
}

/** Return the bars of a call: of its recording and of what was never heard, or else of its words. */
function barsOf(call: CallLine, frame: Frame): Bar[] {
  const said = pieces(call, frame.view.from, frame.until);
  if (!call.sound) return bars(said, frame);
  const unheard = said.filter(({ heard }) => !heard);
  return [...soundBars(call.sound, frame), ...bars(unheard, frame)];
}

function soundBars(sound: Sound, frame: Frame): Bar[] {
  const { view, until } = frame;
  const stepMs = stepOf(view);
  return slots(view.from, until, stepMs).flatMap((slot) => {
    const [at, end] = [slot * stepMs, (slot + 1) * stepMs];
    return loudnessIn(sound, at, end).map(({ who, loud }) => {
      return bar(frame, { who, heard: true, at, size: loud });
    });
  });
}

function stepOf(view: View): number {
  return ((view.to - view.from) / (view.width - MARGIN)) * view.step;
}

/** Stand bars on a grid that moves with the time, so that none changes its height on the way. */
function bars(said: readonly Piece[], frame: Frame): Bar[] {
  const { view, until } = frame;
  const stepMs = stepOf(view);
  const heights = new Map<string, { piece: Piece; at: number; characters: number }>();
  for (const piece of said) {
    for (const slot of slots(Math.max(piece.from, view.from), Math.min(piece.to, until), stepMs)) {
      const key = `${piece.who}${piece.heard}${slot}`;
      const stands = heights.get(key);
      const characters = piece.characters * swell(piece, slot * stepMs);
      if (stands) stands.characters += characters;
      else heights.set(key, { piece, at: slot * stepMs, characters });
    }
  }
  return Array.from(heights.values(), ({ piece: { who, heard }, at, characters }) => {
    return bar(frame, { who, heard, at, size: Math.tanh(characters / FULL) });
  });
}

interface Talk {
  who: Speaker;
  heard: boolean;
  at: number;
  /** From 0 to 1. */
  size: number;
}

function bar({ x, y }: Frame, { who, heard, at, size }: Talk): Bar {
  const side = who === "caller" ? -1 : 1;
  const foot = y + side * FOOT;
  const length = Math.max(1.5, (y - FOOT - 1) * size);
  return { who, heard, x: x(at), y: foot, tip: foot + side * length };
}

/** A word begins and ends softly. */
function swell({ from, to }: Piece, at: number): number {
  const place = Math.min(1, Math.max(0, (at - from) / (to - from)));
  return 0.4 + 0.6 * Math.sin(Math.PI * (0.15 + 0.7 * place));
}

/** List the bars that stand in a time; what is too short for one has the bar it is nearest to. */
function slots(from: number, to: number, stepMs: number): number[] {
  if (from >= to) return [];
  const first = Math.ceil(from / stepMs);
  const last = Math.ceil(to / stepMs) - 1;
  if (last < first) return [first];
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** Cut what was said in a time into words or deltas, each with its own time. */
function pieces(call: CallLine, from: number, until: number): Piece[] {
  return call.spoken.flatMap((spoken) => {
    const longest = spoken.text.length * MS_A_CHARACTER + MOST_LOST_MS;
    const isOutside = spoken.to + longest < from || Math.min(spoken.from, spoken.to) > until;
    return isOutside ? [] : piecesOf(spoken);
  });
}

function ticks(
  call: CallLine,
  { from, until, span, room, x }: Range & { span: number; room: number },
) {
  const most = Math.min(12, room / TICK_PX);
  const every = TICKS_MS.find((ms) => span / ms <= most) ?? span / most;
  const first = Math.max(0, Math.ceil((from - call.began) / every));
  const made: { x: number; at: number }[] = [];
  for (let at = first * every; call.began + at <= until - every / 5; at += every) {
    made.push({ x: x(call.began + at), at });
  }
  return made;
}
