// The transcript: it follows the end until one scrolls, and each turn has an address.

import { ArrowDown, Volume2, VolumeX } from "lucide-react";
import { type MouseEvent, useState } from "react";
import { useShortcut } from "../../keys/listener";
import { type Call, hasEnded } from "../../live/call";
import { Button } from "../../parts/Button";
import { counted } from "../../parts/format";
import { NoteEntry, ToolEntry, TurnEntry } from "./Entry";
import type { Entry } from "./entries";
import { useFollow } from "./follow";
import styles from "./Transcript.module.css";

/** Beyond this, what is out of view is not laid out. */
const MANY = 500;

interface TranscriptProps {
  call: Call;
  entries: readonly Entry[];
  /** The id of the turn that is marked. */
  marked: string | null;
  /** Mark the turn before or behind it. */
  onStep(by: number): void;
  /** Mark a turn, or none. */
  onMark(id: string | null): void;
}

export function Transcript({ call, entries, marked, onStep, onMark }: TranscriptProps) {
  const [aloud, setAloud] = useState(false);
  const live = !hasEnded(call);
  const { box, end, missed, toEnd } = useFollow({
    live,
    held: marked !== null,
    count: call.turns.length,
    moved: entries,
  });
  useShortcut("previous-turn", () => onStep(-1));
  useShortcut("next-turn", () => onStep(1));
  const toLatest = () => {
    onMark(null);
    toEnd();
  };
  useShortcut("latest", toLatest);
  return (
    <section className={styles.panel} aria-label="What was said">
      <div className={styles.head}>
        <Button
          look="icon"
          low
          aria-pressed={aloud}
          aria-label="Read turns aloud"
          title="Read turns aloud"
          onClick={() => setAloud(!aloud)}
        >
          {aloud ? <Volume2 aria-hidden /> : <VolumeX aria-hidden />}
        </Button>
      </div>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click */}
      <div
        ref={box}
        role="log"
        aria-label="Transcript"
        aria-live={aloud ? "polite" : "off"}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it
        tabIndex={0}
        onClick={(event) => markClicked(event, onMark)}
        className={entries.length > MANY ? `${styles.log} ${styles.many}` : styles.log}
      >
        {entries.length === 0 ? <p className="quiet">Nothing was said yet.</p> : null}
        {entries.map((entry) => (
          <Shown key={keyOf(entry)} call={call} entry={entry} marked={marked} />
        ))}
        <div ref={end} className={styles.end} />
      </div>
      {missed > 0 ? (
        <Button look="main" low className={styles.pill} onClick={toLatest}>
          {counted(missed, "new turn")}
          <ArrowDown aria-hidden />
        </Button>
      ) : null}
    </section>
  );
}

/** Mark the turn whose time was clicked; with a key held, the browser opens its address. */
function markClicked(event: MouseEvent, mark: (id: string) => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("[data-turn]") : null;
  const id = link?.getAttribute("data-turn");
  if (!id) return;
  event.preventDefault();
  mark(id);
}

/** A turn that grows is another element than the finished one, which alone is read aloud. */
function keyOf(entry: Entry): string {
  return entry.kind === "turn" && !entry.turn.isFinal ? `${entry.key} grows` : entry.key;
}

interface ShownProps {
  call: Call;
  entry: Entry;
  marked: string | null;
}

function Shown({ call, entry, marked }: ShownProps) {
  switch (entry.kind) {
    case "turn":
      return <TurnEntry call={call} entry={entry} isMarked={marked === entry.turn.id} />;
    case "tool":
      return <ToolEntry call={call} entry={entry} />;
    case "note":
      return <NoteEntry call={call} entry={entry} />;
  }
}
