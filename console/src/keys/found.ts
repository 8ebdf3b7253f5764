// What the palette offers for a text: actions of this page and pages at once, calls when they come.

import { SHORTCUTS, type ShortcutName } from "./shortcuts";

export interface Found {
  key: string;
  label: string;
  detail?: string;
  /** Where it goes, or what it does. */
  to: { href: string } | { does: ShortcutName };
}

export interface Group {
  title: string;
  found: readonly Found[];
}

interface Around {
  pages: readonly { title: string; href: string }[];
  can(name: ShortcutName): boolean;
  keycap(key: string): string;
  /** The address of a call. */
  callHref(callUuid: string): string;
}

/** What a palette is not asked for: it is open, or the key is for a row one has to be on. */
const UNSEARCHED: readonly ShortcutName[] = [
  "search",
  "back",
  "next",
  "previous",
  "first",
  "last",
  "open",
  "unfold",
];

const CALL_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu;

/** Offer the actions and pages that match: each word of the text begins one of theirs. */
export function offer(text: string, around: Around): Group[] {
  const actions = SHORTCUTS.filter(({ name }) => !UNSEARCHED.includes(name) && around.can(name))
    .filter((row) => !("page" in row) && matches(row.does, text))
    .map(({ name, does, keys }) => ({
      key: name,
      label: does,
      detail: around.keycap(keys[0]),
      to: { does: name },
    }));
  const pages = around.pages
    .filter(({ title }) => matches(title, text))
    .map(({ title, href }) => ({ key: href, label: title, to: { href } }));
  const id = text.trim();
  const straight = CALL_ID.test(id)
    ? [{ key: id, label: "Open this call", detail: id, to: { href: around.callHref(id) } }]
    : [];
  return [
    { title: "Go to", found: straight },
    { title: "On this page", found: actions },
    { title: "Pages", found: pages },
  ].filter(({ found }) => found.length);
}

function matches(label: string, text: string): boolean {
  const words = label.toLowerCase().split(/\s+/u);
  const asked = text.toLowerCase().split(/\s+/u).filter(Boolean);
  return asked.every((part) => words.some((word) => word.startsWith(part)));
}
