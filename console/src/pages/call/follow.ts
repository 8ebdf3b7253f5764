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

/** Follow the end of a call that is live, unless a turn is held in view. */
export function useFollow({ live, held, count, moved }: Following): Follow {
  const box = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const follows = useRef(!held);
  const now = useRef(count);
  now.current = count;
  const seen = useRef(count);
  const [missed, setMissed] = useState(0);

  const arrive = useCallback(() => {
    follows.current = true;
    seen.current = now.current;
    setMissed(0);
  }, []);
  const toEnd = useCallback(() => {
    arrive();
    end.current?.scrollIntoView({ block: "nearest" });
  }, [arrive]);

  useEffect(() => {
    const scroller = scrollerOf(box.current);
    if (scroller === null) return;
    const look = () => {
      const limit = scroller.getBoundingClientRect().bottom + NEAR_PX;
      if ((end.current?.getBoundingClientRect().top ?? 0) <= limit) arrive();
      else follows.current = false;
    };
    scroller.addEventListener("scroll", look, { passive: true });
    return () => scroller.removeEventListener("scroll", look);
  }, [arrive]);

  useEffect(() => {
    if (held) follows.current = false;
  }, [held]);

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
  held: boolean;
  /** How many turns there are. */
  count: number;
  /** Changes whenever anything is added. */
  moved: unknown;
}

/** Return what scrolls a box: itself if it has more than it shows, else the page's `main`. */
function scrollerOf(box: HTMLElement | null): HTMLElement | null {
  if (box === null) return null;
  const own = getComputedStyle(box).overflowY === "auto";
  return own ? box : box.closest("main");
}
