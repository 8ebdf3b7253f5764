// The keys of the console: one table for the listener, the list that `?` shows, and the palette.
// Everything they do works without them too.

export type Where = "everywhere" | "in a table" | "on the board" | "on a call";

export interface Shortcut {
  name: string;
  /** Any of these: a key, `Mod+` a key (Ctrl or ⌘), `Shift+` an arrow, or two keys in a row. */
  keys: readonly string[];
  does: string;
  where: Where;
  /** The page it goes to, below the environment. */
  page?: string;
}

export const SHORTCUTS = [
  { name: "search", keys: ["Mod+k", "/"], does: "Search", where: "everywhere" },
  { name: "board", keys: ["g b"], does: "Go to Board", where: "everywhere", page: "board" },
  { name: "calls", keys: ["g c"], does: "Go to Calls", where: "everywhere", page: "calls" },
  { name: "keys", keys: ["?"], does: "Show the keys", where: "everywhere" },
  { name: "next", keys: ["j", "ArrowDown"], does: "Next row", where: "in a table" },
  { name: "previous", keys: ["k", "ArrowUp"], does: "Previous row", where: "in a table" },
  { name: "first", keys: ["Home"], does: "First row", where: "in a table" },
  { name: "last", keys: ["End"], does: "Last row", where: "in a table" },
  { name: "open", keys: ["Enter"], does: "Open the row", where: "in a table" },
  { name: "unfold", keys: [" "], does: "Show what is said in the row", where: "in a table" },
  { name: "filter", keys: ["f"], does: "Filter", where: "in a table" },
  { name: "latest", keys: ["."], does: "Go to the latest", where: "everywhere" },
  { name: "back", keys: ["Escape"], does: "Go back, close or clear", where: "everywhere" },
  { name: "accept", keys: ["a"], does: "Accept the longest wait", where: "on the board" },
  { name: "end", keys: ["e"], does: "End the call", where: "on a call" },
  { name: "pause", keys: ["p"], does: "Pause or resume the agent", where: "on a call" },
  { name: "previous-turn", keys: ["["], does: "Previous turn", where: "on a call" },
  { name: "next-turn", keys: ["]"], does: "Next turn", where: "on a call" },
  { name: "rewind", keys: ["Shift+ArrowLeft"], does: "Back 5 seconds", where: "on a call" },
  { name: "forward", keys: ["Shift+ArrowRight"], does: "On 5 seconds", where: "on a call" },
] as const satisfies readonly Shortcut[];

export type ShortcutName = (typeof SHORTCUTS)[number]["name"];

/** Where the focus is: it decides which keys are the console's. */
export type Focus = "page" | "row" | "control" | "field" | "dialog";

export interface Press {
  key: string;
  /** Ctrl, or ⌘ on a Mac. */
  mod: boolean;
  /** With an arrow; what it makes of another key is that key's name. */
  shift: boolean;
  alt: boolean;
  focus: Focus;
}

interface Heard {
  /** The first of two keys, if that is what this was. */
  pending: string;
  name: ShortcutName | null;
}

/** Find what a key does; `pending` is the first of two keys, or empty. */
export function hear(press: Press, pending: string, { letters }: { letters: boolean }): Heard {
  const none = { pending: "", name: null };
  if (press.alt || press.focus === "field" || press.focus === "dialog") {
    // The search opens from a field too: it is no letter that one might be typing.
    return press.mod && press.focus === "field" ? { ...none, name: find(spelt(press)) } : none;
  }
  if (!press.mod && !letters && press.key.length === 1 && press.key !== " ") return none;
  if (!press.mod && !mine(press)) return none;
  const name = pending ? find(`${pending} ${spelt(press)}`) : null;
  if (name) return { pending: "", name };
  const alone = find(spelt(press));
  if (alone) return { pending: "", name: alone };
  const begins = SHORTCUTS.some(({ keys }) => keys.some((k) => k.startsWith(`${press.key} `)));
  return { pending: begins && !press.mod && press.key !== " " ? press.key : "", name: null };
}

/** Arrows, Enter and Space belong to what has the focus: to the console in a row alone. */
function mine(press: Press): boolean {
  const { key, focus } = press;
  if (spelt(press).startsWith("Shift+")) return true;
  return key === "Escape" || (key.length === 1 && key !== " ") || focus === "row";
}

function spelt({ key, mod, shift }: Press): string {
  if (mod) return `Mod+${key.toLowerCase()}`;
  return shift && key.startsWith("Arrow") ? `Shift+${key}` : key;
}

function find(keys: string): ShortcutName | null {
  const has = (row: Shortcut) => row.keys.includes(keys);
  return SHORTCUTS.find(has)?.name ?? null;
}

const SPELLING: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Enter: "↵",
  Escape: "Esc",
  " ": "Space",
};

/** Write a key as it stands on the keyboard: `Mod+k` is `⌘K` on a Mac, else `Ctrl K`. */
export function keycap(key: string, { mac }: { mac: boolean }): string {
  if (key.startsWith("Mod+")) return `${mac ? "⌘" : "Ctrl "}${key.slice(4).toUpperCase()}`;
  if (key.startsWith("Shift+")) return `Shift ${SPELLING[key.slice(6)]}`;
  return SPELLING[key] ?? key;
}
