// The page's title: the frame's heading, and the window's name.

import { useEffect, useSyncExternalStore } from "react";

export interface Title {
  text: string;
  /** The page above it: "Calls". */
  above?: { text: string; href: string } | undefined;
}

let shown: Title = { text: "" };
const listeners = new Set<() => void>();

/** Call the page by this title as long as it is shown. */
export function usePageTitle(text: string, above?: Title["above"]): void {
  const [aboveText, aboveHref] = [above?.text, above?.href];
  useEffect(() => {
    const parent = aboveText && aboveHref ? { text: aboveText, href: aboveHref } : undefined;
    shown = { text, above: parent };
    document.title = `${text} · Ringline`;
    for (const listener of listeners) listener();
  }, [text, aboveText, aboveHref]);
}

/** The title of the page that is shown. */
export function useTitle(): Title {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => shown,
  );
}
