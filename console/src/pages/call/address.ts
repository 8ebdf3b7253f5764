// What of a call is in its address: the call, the turn that is marked, and the tab.

export const TABS = ["events", "people", "facts", "audit"] as const;
export type Tab = (typeof TABS)[number];

export interface Place {
  turn: string | null;
  tab: Tab;
}

/** Read the query of an address. */
export function placeOf(search: string): Place {
  const query = new URLSearchParams(search);
  const tab = TABS.find((name) => name === query.get("about"));
  return { turn: query.get("turn"), tab: tab ?? "events" };
}

/** Write it, without what goes without saying. */
export function searchOf({ turn, tab }: Place): string {
  const query = new URLSearchParams();
  if (turn !== null) query.set("turn", turn);
  if (tab !== "events") query.set("about", tab);
  const text = query.toString();
  return text ? `?${text}` : "";
}

/**
 * Return the call that a path names; null if its name cannot be read. The router decodes a path,
 * but not all of it, and a call's name may hold anything: so this reads the address itself.
 */
export function callIn(path: string): string | null {
  const [, name] = /\/calls\/([^/]+)$/u.exec(path) ?? [];
  if (name === undefined) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
