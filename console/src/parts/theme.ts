// Light, dark, or as the system is: kept in `localStorage`, the same in every tab.

import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

export const THEMES: readonly Theme[] = ["system", "light", "dark"];

const KEY = "ringline.theme";

/** Read the theme that was chosen in this browser. */
export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Choose a theme for every tab of this browser. */
export function chooseTheme(chosen: Theme): void {
  if (chosen === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  // Other tabs hear of a change in the storage by themselves; the one that made it does not.
  dispatchEvent(new StorageEvent("storage", { key: KEY }));
}

/** Show the theme, and follow a change in any tab; returns what stops that. */
export function followTheme(): () => void {
  const show = () => {
    const chosen = theme();
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  };
  show();
  return onTheme(show);
}

export function useTheme(): Theme {
  return useSyncExternalStore(onTheme, theme);
}

function onTheme(changed: () => void): () => void {
  const hear = (event: StorageEvent) => {
    if (event.key === KEY || event.key === null) changed();
  };
  addEventListener("storage", hear);
  return () => removeEventListener("storage", hear);
}
