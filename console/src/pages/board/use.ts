// The board's own state: its sums, and the rows that are held back while somebody reads.

import { useEffect, useRef, useState } from "react";
import type { Call } from "../../live/call";
import { useLive, useNow } from "../../live/Live";
import { type Held, hold, type Summary, summarise } from "./summary";

/** Sum up all calls, anew each second. */
export function useSummary(): Summary {
  const store = useLive().store;
  const now = useNow();
  const calls = store
    .order()
    .map((uuid) => store.call(uuid))
    .filter((call): call is Call => call !== undefined);
  return summarise(calls, now);
}

/** Hold new rows back as long as `reading`; `release` shows them. */
export function useHeld(now: readonly string[], reading: boolean): Held & { release(): void } {
  const shown = useRef(now);
  const [, setReleased] = useState(0);
  const held = reading ? hold(shown.current, now) : { rows: now, waiting: 0 };
  useEffect(() => {
    shown.current = held.rows;
  });
  const release = () => {
    shown.current = now;
    setReleased((times) => times + 1);
  };
  return { ...held, release };
}

/** Whether the page was scrolled away from its beginning. */
export function useScrolled(): { scrolled: boolean; toTop(): void } {
  const [scrolled, setScrolled] = useState(false);
  useEffect(() => {
    const main = document.querySelector("main");
    const look = () => setScrolled((main?.scrollTop ?? 0) > 120);
    main?.addEventListener("scroll", look, { passive: true });
    return () => main?.removeEventListener("scroll", look);
  }, []);
  const toTop = () => document.querySelector("main")?.scrollTo({ top: 0 });
  return { scrolled, toTop };
}

/** Say how many calls have come, at most every ten seconds: the table itself says nothing. */
export function useNews(rows: readonly string[]): string {
  const known = useRef(new Set(rows));
  const told = useRef(performance.now());
  const [news, setNews] = useState("");
  useEffect(() => {
    const fresh = rows.filter((uuid) => !known.current.has(uuid)).length;
    if (!fresh) return;
    const wait = setTimeout(
      () => {
        known.current = new Set(rows);
        told.current = performance.now();
        setNews(`${fresh} new call${fresh === 1 ? "" : "s"}`);
      },
      Math.max(0, told.current + 10_000 - performance.now()),
    );
    return () => clearTimeout(wait);
  }, [rows]);
  return news;
}
