// The entries of a transcript: a turn, a tool's call, and a note of what happened.

import {
  ChevronRight,
  CircleAlert,
  Copy,
  Diamond,
  Dot,
  Link2,
  type LucideIcon,
  PauseCircle,
  UserRound,
  X,
} from "lucide-react";
import { memo, type ReactNode, useEffect, useRef, useState } from "react";
import type { Call, Turn } from "../../live/call";
import type { Gap } from "../../live/facts";
import { Button } from "../../parts/Button";
import { count } from "../../parts/format";
import { moment } from "../../parts/zone";
import { copy } from "./copy";
import { speakerName, timeIn } from "./download";
import styles from "./Entry.module.css";
import type { Entry, Note } from "./entries";
import { spell } from "./Gaps";

/** Of a turn, so much is shown at first; a reader wants the rest rarely, and all of it at once. */
const MOST = 4000;

interface TurnEntryProps {
  call: Call;
  entry: Extract<Entry, { kind: "turn" }>;
  isMarked: boolean;
}

/** A turn. Its time is its address; the one that is marked comes into view, and can be copied. */
export const TurnEntry = memo(function TurnEntry({ call, entry, isMarked }: TurnEntryProps) {
  const { turn, gap } = entry;
  const name = speakerName(call, turn);
  const time = timeIn(call, turn.from);
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isMarked) place.current?.scrollIntoView({ block: "nearest" });
  }, [isMarked]);
  return (
    <article
      ref={place}
      aria-label={`${name}, ${time}`}
      aria-current={isMarked ? "true" : undefined}
      aria-live={turn.isFinal ? undefined : "off"}
      className={`${styles.entry} ${styles[turn.who]} ${isMarked ? styles.marked : ""}`}
    >
      <a
        href={`?turn=${encodeURIComponent(turn.id)}`}
        data-turn={turn.id}
        title={moment(turn.from)}
        className={styles.time}
      >
        {time}
      </a>
      <span className={styles.rule} />
      <div className={styles.said}>
        <span className={styles.by}>
          <bdi>{name}</bdi>
        </span>
        <Text turn={turn} />
      </div>
      <div className={styles.aside}>
        {gap ? <Took gap={gap} /> : null}
        {isMarked ? <TurnTools turn={turn} /> : null}
      </div>
    </article>
  );
}, same);

function same(before: TurnEntryProps, after: TurnEntryProps): boolean {
  return (
    before.entry.turn === after.entry.turn &&
    before.entry.gap?.ms === after.entry.gap?.ms &&
    before.isMarked === after.isMarked &&
    before.call.agentName === after.call.agentName &&
    before.call.answeredAt === after.call.answeredAt
  );
}

/** How long an answer took to begin, and as a bar whose time that was. */
function Took({ gap }: { gap: Gap }) {
  const { latency } = gap.turn;
  const width = (ms: number) => Math.min(BAR_PX, ms * PX_A_MS);
  return (
    <span className={styles.took}>
      {spell(gap)}
      {latency ? (
        <span className={styles.shares} aria-hidden="true">
          <i style={{ inlineSize: width(latency.voiceMs) }} />
          <i style={{ inlineSize: Math.max(3, width(latency.gatewayMs)) }} />
        </span>
      ) : null}
    </span>
  );
}

const PX_A_MS = 0.075;
const BAR_PX = 80;

function Text({ turn }: { turn: Turn }) {
  const [all, setAll] = useState(false);
  const { text, heard, recognized, isFinal } = turn;
  if (!recognized) return <p className="quiet">Speech that was not understood.</p>;
  const most = all ? text.length : MOST;
  const cut = heard === null ? text.length : heard.length;
  const lost = text.slice(cut, Math.max(cut, most)).trim();
  return (
    <>
      <p dir="auto" className={styles.text}>
        {text.slice(0, Math.min(cut, most))}
        {lost && isFinal ? (
          <>
            {" "}
            <del>
              <span className="visually-hidden">not heard: </span>
              {lost}
            </del>
          </>
        ) : null}
        {isFinal ? null : <span className={styles.caret} aria-hidden="true" />}
      </p>
      {text.length > most ? (
        <Button low onClick={() => setAll(true)}>
          Show all {count(text.length)} characters
        </Button>
      ) : null}
    </>
  );
}

function TurnTools({ turn }: { turn: Turn }) {
  return (
    <span className={styles.tools}>
      <Button look="icon" low aria-label="Copy" onClick={() => copy(turn.text, "The text")}>
        <Copy aria-hidden />
      </Button>
      <Button
        look="icon"
        low
        aria-label="Copy link"
        onClick={() => copy(location.href, "The link")}
      >
        <Link2 aria-hidden />
      </Button>
    </span>
  );
}

interface ToolEntryProps {
  call: Call;
  entry: Extract<Entry, { kind: "tool" }>;
}

export function ToolEntry({ call, entry: { asked, answered, at } }: ToolEntryProps) {
  const took = answered && answered !== asked ? answered.at - asked.at : null;
  return (
    <details className={`${styles.entry} ${styles.note}`}>
      <summary>
        <time>{timeIn(call, at)}</time>
        <Diamond aria-hidden />
        <span className={styles.what}>
          <ChevronRight aria-hidden className={styles.fold} />
          <code>{asked.name}</code> {answered ? "answered" : "was asked"}
        </span>
        <span className={styles.took}>{took === null ? "" : `${count(took)} ms`}</span>
      </summary>
      <Details name="Asked">{asked.detail}</Details>
      {answered && answered !== asked ? <Details name="Answered">{answered.detail}</Details> : null}
    </details>
  );
}

function Details({ name, children }: { name: string; children: object }) {
  return (
    <figure className={styles.details}>
      <figcaption>{name}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
      <pre tabIndex={0}>{JSON.stringify(children, null, 2)}</pre>
    </figure>
  );
}

const ICONS: Readonly<Record<Note, LucideIcon>> = {
  cut: X,
  person: UserRound,
  quiet: PauseCircle,
  failed: CircleAlert,
  plain: Dot,
};

interface NoteEntryProps {
  call: Call;
  entry: Extract<Entry, { kind: "note" }>;
}

export function NoteEntry({ call, entry: { note, text, detail, at } }: NoteEntryProps): ReactNode {
  const Icon = ICONS[note];
  const line = (
    <>
      <time>{Number.isFinite(at) ? timeIn(call, at) : ""}</time>
      <Icon aria-hidden />
      <span className={note === "failed" ? `${styles.what} ${styles.failed}` : styles.what}>
        {detail ? <ChevronRight aria-hidden className={styles.fold} /> : null}
        <span dir="auto">{text}</span>
      </span>
    </>
  );
  if (detail === null || Object.keys(detail).length === 0) {
    return <div className={`${styles.entry} ${styles.note} ${styles.line}`}>{line}</div>;
  }
  return (
    <details className={`${styles.entry} ${styles.note}`}>
      <summary>{line}</summary>
      <Details name="Detail">{detail}</Details>
    </details>
  );
}
