// The zone that times are written in, and that days begin in: the viewer's, or UTC. Kept in
// `localStorage`, the same in every tab.

import { useSyncExternalStore } from "react";

export type Zone = "own" | "utc";

export const ZONES: readonly Zone[] = ["own", "utc"];

const KEY = "ringline.zone";

/** Read the zone that was chosen in this browser. */
export function zone(): Zone {
  return localStorage.getItem(KEY) === "utc" ? "utc" : "own";
}

/** Choose a zone for every tab of this browser. */
export function chooseZone(chosen: Zone): void {
  if (chosen === "own") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  // Other tabs hear of a change in the storage by themselves; the one that made it does not.
  dispatchEvent(new StorageEvent("storage", { key: KEY }));
}

export function useZone(): Zone {
  return useSyncExternalStore(onZone, zone);
}

function onZone(changed: () => void): () => void {
  addEventListener("storage", changed);
  return () => removeEventListener("storage", changed);
}

const FORMATS = {
  day: { day: "numeric", month: "short" },
  minute: { hour: "2-digit", minute: "2-digit" },
  time: { timeStyle: "medium" },
  short: { dateStyle: "medium", timeStyle: "short" },
  whole: { dateStyle: "medium", timeStyle: "medium" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Write a moment as the day, the minute of the day (`10:20`), its time, or all of it. */
export type Times = Readonly<Record<keyof typeof FORMATS, (at: number) => string>>;

function timesIn(timeZone: "UTC" | undefined): Times {
  const write = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat("en-GB", { ...options, timeZone });
    return (at: number) => format.format(at);
  };
  const { day, minute, time, short, whole } = FORMATS;
  return {
    day: write(day),
    minute: write(minute),
    time: write(time),
    short: write(short),
    whole: write(whole),
  };
}

/** How moments are written in each zone. */
export const TIMES: Readonly<Record<Zone, Times>> = {
  own: timesIn(undefined),
  utc: timesIn("UTC"),
};

/** Write times in the zone that was chosen. */
export function useTimes(): Times {
  return TIMES[useZone()];
}

/** Write a moment whole, in the viewer's zone and in UTC. */
export function moment(at: number): string {
  return `${TIMES.own.whole(at)}, ${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Return when a day (`2026-11-30`) begins, or one some days later; NaN if there is no such day. */
export function midnight(day: string, zone: Zone, later = 0): number {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  // The 31st of February is no day, and not the 3rd of March.
  const begins = new Date(Date.UTC(year, month - 1, date));
  if (Number.isNaN(begins.getTime()) || dayOf(begins.getTime(), "utc") !== day) return Number.NaN;
  return zone === "utc"
    ? Date.UTC(year, month - 1, date + later)
    : new Date(year, month - 1, date + later).getTime();
}

/** Return the day that a moment lies in, as `midnight` reads it. */
export function dayOf(at: number, zone: Zone): string {
  const day = new Date(at);
  if (zone === "utc") return day.toISOString().slice(0, 10);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
