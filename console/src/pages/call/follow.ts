// Following the end of a transcript until somebody scrolls away from it.

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** So close to the end is at the end. */
const NEAR_PX = 48;

interface Follow {
  /** What scrolls on a wide page; on a narrow one the page does. */
  box: RefObject<HTMLDivElement | null>;
  /** Stands behind the last entry. */
  end: RefObject<HTMLDivElement | null>;
  /** How many of the entries counted came since somebody scrolled away. */
  missed: number;
  toEnd(): void;
}

/** Follow the end while `live`; `count` is how many entries there are, `moved` changes with any. */
export function useFollow({ live, count, moved }: Following): Follow {
  const box = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const follows = useRef(live);
  const seen = useRef(count);
  const [missed, setMissed] = useState(0);

  const toEnd = useCallback(() => {
    follows.current = true;
    setMissed(0);
    end.current?.scrollIntoView({ block: "nearest" });
  }, []);

  useEffect(() => {
    const scroller = scrollerOf(box.current);
    if (scroller === null) return;
    const look = () => {
      const limit = scroller.getBoundingClientRect().bottom + NEAR_PX;
      follows.current = (end.current?.getBoundingClientRect().top ?? 0) <= limit;
      if (follows.current) setMissed(0);
    };
    scroller.addEventListener("scroll", look, { passive: true });
    return () => scroller.removeEventListener("scroll", look);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever moved, the end has moved
  useLayoutEffect(() => {
    if (live && follows.current) {
      seen.current = count;
      end.current?.scrollIntoView({ block: "nearest" });
    } else if (live) {
      setMissed(Math.max(0, count - seen.current));
    }
  }, [live, count, moved]);

  return { box, end, missed, toEnd };
}

interface Following {
  live: boolean;
  count: number;
  moved: unknown;
}

/** Return what scrolls a box: itself if it has more than it shows, else the page's `main`. */
function scrollerOf(box: HTMLElement | null): HTMLElement | null {
  if (box === null) return null;
  const own = getComputedStyle(box).overflowY === "auto";
  return own ? box : box.closest("main");
}
