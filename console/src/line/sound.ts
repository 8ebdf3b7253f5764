// How loud a recording is over time, as the server works it out: for each window of 50 ms, and in
// it for the caller and then for whoever answers, the lowest and the highest sample, a signed byte
// each.

import type { Speaker } from "./pieces";

export interface Sound {
  /** When the recording begins, in milliseconds since the epoch. */
  from: number;
  peaks: Int8Array;
}

/** How loud somebody is for a time, from 0 to 1. */
export interface Loudness {
  who: Speaker;
  loud: number;
}

const WINDOW_MS = 50;
/** Lowest and highest sample of both sides. */
const BYTES = 4;
const SIDES = ["caller", "agent"] as const;
/** Speech seldom reaches the loudest sample there is; below the other it is silence. */
const LOUDEST = 96;
const SILENT = 3;

/** Return who can be heard from a moment to another, and how loud; nobody who is silent. */
export function loudnessIn({ from, peaks }: Sound, begin: number, end: number): Loudness[] {
  const windows = peaks.length / BYTES;
  const first = Math.max(0, Math.floor((begin - from) / WINDOW_MS));
  const last = Math.min(windows, Math.max(first + 1, Math.ceil((end - from) / WINDOW_MS)));
  return SIDES.flatMap((who, side) => {
    let loud = 0;
    for (let window = first; window < last; window += 1) {
      const place = window * BYTES + side * 2;
      loud = Math.max(loud, -(peaks[place] ?? 0), peaks[place + 1] ?? 0);
    }
    return loud < SILENT ? [] : [{ who, loud: Math.min(1, loud / LOUDEST) }];
  });
}
