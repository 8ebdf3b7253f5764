// The search and palette: one dialog with a combobox. Without text, the actions of this page and
// the pages; with text, those that match, and the calls that do.

import { type KeyboardEvent, type RefObject, useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";
import { Dialog } from "../parts/Dialog";
import { type Found, type Group, offer } from "./found";
import styles from "./Keys.module.css";
import { isMac } from "./KeyTable";
import { available, perform } from "./listener";
import { keycap } from "./shortcuts";

interface PaletteProps {
  open: boolean;
  onClose(): void;
  pages: readonly { title: string; href: string }[];
  callHref(callUuid: string): string;
  /** Look for calls; `signal` ends the search when the text changes. */
  findCalls(text: string, signal: AbortSignal): Promise<readonly Found[]>;
}

/** How long after the last key a search begins. */
const WAIT_MS = 150;

export function Palette({ open, onClose, ...rest }: PaletteProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Dialog open={open} onClose={onClose} title="Search" untitled wide first={input}>
      <Search input={input} onClose={onClose} {...rest} />
    </Dialog>
  );
}

type SearchProps = Omit<PaletteProps, "open"> & { input: RefObject<HTMLInputElement | null> };

function Search({ input, onClose, pages, callHref, findCalls }: SearchProps) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [, navigate] = useLocation();
  const calls = useCalls(text, findCalls);
  const id = useId();
  const groups = [
    ...offer(text, {
      pages,
      callHref,
      can: available,
      keycap: (key) => keycap(key, { mac: isMac() }),
    }),
    ...(calls.length ? [{ title: "Calls", found: calls }] : []),
  ];
  const all = groups.flatMap(({ found }) => found);
  const chosen = Math.min(at, all.length - 1);

  const take = ({ to }: Found) => {
    onClose();
    // The page has to have its focus back before something on it is asked to act.
    if ("href" in to) navigate(to.href);
    else setTimeout(() => perform(to.does));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const found = all[chosen];
    if (step && all.length) setAt((chosen + step + all.length) % all.length);
    else if (event.key === "Enter" && found) take(found);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        ref={input}
        className={styles.search}
        role="combobox"
        aria-label="Search"
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={all.length ? `${id}-${chosen}` : undefined}
        placeholder="Pages, actions, names, numbers, ids of calls"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <Options id={id} groups={groups} chosen={chosen} onPoint={setAt} onTake={take} />
    </>
  );
}

interface OptionsProps {
  id: string;
  groups: readonly Group[];
  chosen: number;
  onPoint(at: number): void;
  onTake(found: Found): void;
}

function Options({ id, groups, chosen, onPoint, onTake }: OptionsProps) {
  const shown = useRef<HTMLDivElement>(null);
  useEffect(() => {
    shown.current?.querySelector(`[id="${id}-${chosen}"]`)?.scrollIntoView({ block: "nearest" });
  }, [id, chosen]);
  let at = -1;
  return (
    <div ref={shown} id={id} role="listbox" aria-label="Found" className={styles.found}>
      {groups.map(({ title, found }) => (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset has no place in a list of options
        <div key={title} role="group" aria-label={title}>
          <div className={styles.group} aria-hidden="true">
            {title}
          </div>
          {found.map((one) => {
            at += 1;
            const place = at;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keys
              // biome-ignore lint/a11y/useFocusableInteractive: and the focus
              <div
                key={one.key}
                id={`${id}-${place}`}
                role="option"
                aria-selected={place === chosen}
                className={styles.option}
                onPointerMove={() => onPoint(place)}
                onClick={() => onTake(one)}
              >
                <span>{one.label}</span>
                {one.detail ? <small>{one.detail}</small> : null}
              </div>
            );
          })}
        </div>
      ))}
      {groups.length ? null : <p className={styles.none}>Nothing found.</p>}
    </div>
  );
}

/** Calls for a text of three characters or more; those for the last text stay until then. */
function useCalls(text: string, find: PaletteProps["findCalls"]): readonly Found[] {
  const [calls, setCalls] = useState<readonly Found[]>([]);
  const latest = useRef(find);
  latest.current = find;
  const asked = text.trim();
  useEffect(() => {
    if (asked.length < 3) {
      setCalls([]);
      return;
    }
    const ended = new AbortController();
    const timer = setTimeout(() => {
      latest.current(asked, ended.signal).then(setCalls, () => {
        if (!ended.signal.aborted) setCalls([]);
      });
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [asked]);
  return calls;
}
