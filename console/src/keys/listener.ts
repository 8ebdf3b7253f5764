// One listener for all keys. What is on the page says what it can do; the last to say so is asked.

import { useEffect, useRef, useSyncExternalStore } from "react";
import { type Focus, hear, type ShortcutName } from "./shortcuts";

const KEY = "ringline.keys";
/** How long the first of two keys waits for the second. */
const PENDING_MS = 1500;

const doers = new Map<ShortcutName, (() => void)[]>();

/** Do `action` when the key of this name is pressed, as long as this is on the page. */
export function useShortcut(name: ShortcutName, action: (() => void) | null): void {
  const latest = useRef(action);
  latest.current = action;
  const active = action !== null;
  useEffect(() => {
    if (!active) return;
    const act = () => latest.current?.();
    doers.set(name, [...(doers.get(name) ?? []), act]);
    return () => {
      doers.set(
        name,
        (doers.get(name) ?? []).filter((other) => other !== act),
      );
    };
  }, [name, active]);
}

/** Tell which shortcuts the page has a use for now. */
export function available(name: ShortcutName): boolean {
  return Boolean(doers.get(name)?.length);
}

/** Do what the key of this name does here; false if it does nothing. */
export function perform(name: ShortcutName): boolean {
  const action = doers.get(name)?.at(-1);
  action?.();
  return action !== undefined;
}

/** Listen to the keyboard; returns what stops that. */
export function listen(): () => void {
  let pending = "";
  let since = 0;
  const onKeydown = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || marksText(event)) return;
    if (event.timeStamp - since > PENDING_MS) pending = "";
    const press = {
      key: event.key,
      mod: event.ctrlKey || event.metaKey,
      shift: event.shiftKey,
      alt: event.altKey,
      focus: focusOf(event.target),
    };
    const heard = hear(press, pending, { letters: letterKeys() });
    pending = heard.pending;
    since = event.timeStamp;
    if (heard.name && perform(heard.name)) event.preventDefault();
  };
  document.addEventListener("keydown", onKeydown);
  return () => document.removeEventListener("keydown", onKeydown);
}

/** Shift and an arrow take in more of the text that is marked. */
function marksText({ shiftKey, key }: KeyboardEvent): boolean {
  return shiftKey && key.startsWith("Arrow") && getSelection()?.type === "Range";
}

function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return "page";
  if (target.closest('[role="dialog"], [role="alertdialog"], [role="menu"]')) return "dialog";
  if (target.isContentEditable || target.matches("input, textarea, select")) return "field";
  if (target.matches('[role="row"]')) return "row";
  return target.matches("a, button, [tabindex]") ? "control" : "page";
}

/** Whether keys without a modifier do anything; the profile switches them off. */
export function letterKeys(): boolean {
  return localStorage.getItem(KEY) !== "off";
}

export function chooseLetterKeys(on: boolean): void {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
  dispatchEvent(new StorageEvent("storage", { key: KEY }));
}

export function useLetterKeys(): boolean {
  return useSyncExternalStore((changed) => {
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  }, letterKeys);
}
