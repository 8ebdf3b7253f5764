// The cells of a row of the board. Each follows its own call and nothing else.

import { ChevronDown } from "lucide-react";
import { useCallback } from "react";
import { clock as serverClock } from "../../data/time";
import { Line } from "../../line/Line";
import {
  answererName,
  type Call,
  callerName,
  hasEnded,
  isPaused,
  type Turn,
  withAgent,
  withPerson,
} from "../../live/call";
import { STATUSES } from "../../live/causes";
import { gapsOf, lengthOf } from "../../live/facts";
import { useCall, useNow } from "../../live/Live";
import { lineOf } from "../../live/line";
import { Button } from "../../parts/Button";
import { clock, count, head, isNumber, tail } from "../../parts/format";
import { type Party, Tag, Who } from "../../parts/Tag";
import styles from "./cells.module.css";
import { worthALook } from "./worth";

const MINUTE_MS = 60_000;
const SLOW_MS = 1500;

interface CellProps {
  uuid: string;
}

/** Return who answers, as a shape. */
export function party(call: Call): Party {
  if (withPerson(call)) return "person";
  return withAgent(call) || call.answeredAt !== null ? "agent" : "nobody";
}

export function Caller({ uuid, rowId }: CellProps & { rowId: string }) {
  const call = useCall(uuid);
  if (!call) return null;
  const name = callerName(call);
  return (
    <div className={styles.name}>
      <b id={`${rowId}-caller`} className={isNumber(name) ? "mono" : undefined}>
        <bdi>{name}</bdi>
      </b>
      <span>
        <Who party={party(call)} />
        <span id={`${rowId}-answer`}>
          <bdi>{answererName(call)}</bdi>
          {call.direction === "outbound" ? ", outbound" : ""}
        </span>
      </span>
    </div>
  );
}

/** The last minute as a line, and below it the last words and what is worth a look. */
export function LastMinute({ uuid, unfolded }: CellProps & { unfolded: boolean }) {
  const call = useCall(uuid);
  const read = useCallback(() => {
    const to = call?.endedAt ?? serverClock.now();
    return { call: call ? lineOf(call) : EMPTY, from: to - MINUTE_MS, to };
  }, [call]);
  if (!call) return null;
  return (
    <div>
      <Line read={read} size="minute" />
      <div className={styles.said}>
        {unfolded ? null : <LastWords call={call} />}
        <Tags call={call} />
      </div>
    </div>
  );
}

const EMPTY = { spoken: [], marks: [], quiet: [], began: 0 };

function LastWords({ call }: { call: Call }) {
  const turn = call.turns.findLast(({ text }) => text.trim());
  if (!turn) return <span className={styles.nothing}>{nothingSaid(call)}</span>;
  return (
    <>
      <Who party={turn.who} />
      <span className={turn.isFinal ? styles.words : `${styles.words} ${styles.growing}`}>
        <Words turn={turn} most={160} />
      </span>
    </>
  );
}

function nothingSaid(call: Call): string {
  return call.status === "answered" ? "Nothing was said yet." : `${STATUSES[call.status]}.`;
}

/** What was said: of a turn that grows the end, of one that was cut off what was not heard, struck. */
export function Words({ turn, most }: { turn: Turn; most: number }) {
  const { text, heard, isFinal } = turn;
  if (!isFinal) {
    const cut = text.length > most / 2;
    return (
      <>
        <bdi>{cut ? `… ${tail(text, most / 2)}` : text}</bdi>
        <span className={styles.caret} aria-hidden="true" />
      </>
    );
  }
  if (heard === null) return <bdi>{head(text, most)}</bdi>;
  const lost = head(text.slice(heard.length), Math.max(0, most - heard.length));
  return (
    <bdi>
      {head(heard, most).trimEnd()}
      {lost.trim() ? (
        <>
          {" "}
          <del>
            <span className="visually-hidden">not heard: </span>
            {lost.trim()}
          </del>
        </>
      ) : null}
    </bdi>
  );
}

function Tags({ call }: { call: Call }) {
  const now = useNow();
  const [gravest] = worthALook(call, now);
  const state = <Tag>{STATUSES[call.status].toLowerCase()}</Tag>;
  if (hasEnded(call)) return <span className={styles.tags}>{state}</span>;
  const isOdd = call.status !== "answered" && call.turns.length > 0;
  if (!gravest && !isPaused(call) && !call.held && !isOdd) return null;
  return (
    <span className={styles.tags}>
      {gravest ? <Tag tone={gravest.tone}>{gravest.text}</Tag> : null}
      {isPaused(call) ? <Tag tone="sleeve">agent paused</Tag> : null}
      {call.held ? <Tag>on hold</Tag> : null}
      {isOdd ? state : null}
    </span>
  );
}

/** How long the last answer took to begin; "≈" where that was worked out from events. */
export function LastGap({ uuid }: CellProps) {
  const call = useCall(uuid);
  const gap = call && !withPerson(call) && gapsOf(call.turns).at(-1);
  if (!gap) return <span className={`mono ${styles.number} faint`}>–</span>;
  return (
    <span className={`mono ${styles.number} ${gap.ms >= SLOW_MS ? styles.slow : ""}`}>
      {gap.exact ? "" : "≈ "}
      {count(Math.round(gap.ms))} <small>ms</small>
    </span>
  );
}

export function Length({ uuid }: CellProps) {
  const call = useCall(uuid);
  const now = useNow();
  return <time className={styles.number}>{call ? clock(lengthOf(call, now)) : ""}</time>;
}

interface FoldProps {
  unfolded: boolean;
  tabIndex: number;
  onFold(): void;
}

export function Fold({ unfolded, tabIndex, onFold }: FoldProps) {
  return (
    <Button
      look="icon"
      low
      className={styles.fold}
      aria-label="Show what is said"
      aria-expanded={unfolded}
      tabIndex={tabIndex}
      onClick={onFold}
    >
      <ChevronDown aria-hidden />
    </Button>
  );
}
