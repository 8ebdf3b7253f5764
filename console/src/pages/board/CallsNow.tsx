// The table of calls that are on the line. Rows come and go, but never under somebody who reads.

import { type ReactNode, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { clock } from "../../data/time";
import { isMac } from "../../keys/KeyTable";
import { useLetterKeys, useShortcut } from "../../keys/listener";
import { keycap } from "../../keys/shortcuts";
import { useConnection, useLive, useOrder } from "../../live/Live";
import { Chips } from "../../parts/Button";
import { Empty, Skeleton } from "../../parts/Empty";
import { NewCalls, Panel } from "../../parts/Panel";
import { type Column, Table } from "../../parts/Table";
import styles from "./Board.module.css";
import { Caller, Fold, LastGap, LastMinute, Length } from "./cells";
import { NobodyHere } from "./NobodyHere";
import { Peek } from "./Peek";
import { FILTERS, type Filter, type Summary } from "./summary";
import { useHeld, useNews, useScrolled } from "./use";

const ROW = 71;
/** A call fades in if it began less than this ago. */
const FRESH_MS = 1500;

export function CallsNow({ summary, callHref }: { summary: Summary; callHref: CallHref }) {
  const [filter, choose] = useFilter();
  const order = useOrder();
  const state = useConnection((connection) => connection.state);
  const reason = useConnection((connection) => connection.reason);
  const letters = useLetterKeys();
  // Under "All", a call that has just ended stays a moment; a filter shows what holds now.
  const rows = filter === "all" ? order : order.filter((uuid) => summary.calls[filter].has(uuid));
  return (
    <section aria-labelledby="calls-now">
      <div className={styles.head}>
        <h2 id="calls-now">Calls now</h2>
        <Chips
          label="Show"
          chosen={filter}
          onChoose={choose}
          choices={FILTERS.map((one) => ({ ...one, count: summary.calls[one.name].size }))}
        />
        {letters ? <Hint /> : null}
      </div>
      {state === "connecting" ? (
        <Panel>
          <Skeleton rows={6} height={ROW} />
        </Panel>
      ) : (
        <Rows
          key={filter}
          rows={rows}
          callHref={callHref}
          none={
            state === "offline" && !order.length ? (
              <Empty title="Offline">{reason}</Empty>
            ) : (
              <NobodyHere filter={filter} />
            )
          }
        />
      )}
    </section>
  );
}

function Hint() {
  return (
    <span className={`${styles.hint} faint not-phone`} aria-hidden="true">
      <kbd>j</kbd> <kbd>k</kbd> move <kbd>{keycap(" ", { mac: isMac() })}</kbd> unfold <kbd>↵</kbd>{" "}
      open <kbd>?</kbd> keys
    </span>
  );
}

export type CallHref = (uuid: string) => string;

interface RowsProps {
  rows: readonly string[];
  callHref: CallHref;
  /** What stands there without a row. */
  none: ReactNode;
}

function Rows({ rows, callHref, none }: RowsProps) {
  const [unfolded, setUnfolded] = useState<string | null>(null);
  const [, navigate] = useLocation();
  const { store } = useLive();
  const { scrolled, toTop } = useScrolled();
  const held = useHeld(rows, scrolled || (unfolded !== null && rows.includes(unfolded)));
  const news = useNews(rows);
  const latest = () => {
    held.release();
    toTop();
  };
  useShortcut("latest", held.waiting ? latest : null);
  useShortcut("back", unfolded === null ? null : () => setUnfolded(null));
  const fold = (uuid: string) => setUnfolded((now) => (now === uuid ? null : uuid));
  const columns = columnsOf(unfolded, fold);
  return (
    <>
      <span role="status" className="visually-hidden">
        {news}
      </span>
      <NewCalls number={held.waiting} onShow={latest} />
      {held.rows.length ? (
        <Table
          label="Calls now"
          columns={columns}
          rows={held.rows}
          rowKey={(uuid) => uuid}
          namedBy={["caller", "answer"]}
          height={ROW}
          onOpen={(uuid) => navigate(callHref(uuid))}
          onUnfold={fold}
          fresh={(uuid) => clock.now() - (store.call(uuid)?.startedAt ?? 0) < FRESH_MS}
          unfolded={(uuid) =>
            uuid === unfolded ? <Peek uuid={uuid} href={callHref(uuid)} /> : null
          }
        />
      ) : (
        <Panel>{none}</Panel>
      )}
    </>
  );
}

function columnsOf(unfolded: string | null, fold: (uuid: string) => void): Column<string>[] {
  return [
    {
      title: "Caller",
      width: "196px",
      phone: "lead",
      cell: (uuid, { id }) => <Caller uuid={uuid} rowId={id} />,
    },
    {
      title: "The last minute",
      width: "minmax(0, 1fr)",
      phone: "below",
      cell: (uuid) => <LastMinute uuid={uuid} unfolded={uuid === unfolded} />,
    },
    {
      title: "Turn gap",
      width: "82px",
      end: true,
      phone: "hidden",
      cell: (uuid) => <LastGap uuid={uuid} />,
    },
    {
      title: "Time",
      width: "58px",
      end: true,
      phone: "side",
      cell: (uuid) => <Length uuid={uuid} />,
    },
    {
      title: "Unfold",
      untitled: true,
      width: "28px",
      phone: "corner",
      cell: (uuid, { tabIndex }) => (
        <Fold unfolded={uuid === unfolded} tabIndex={tabIndex} onFold={() => fold(uuid)} />
      ),
    },
  ];
}

/** The filter, which is part of the address. */
function useFilter(): [Filter, (filter: Filter) => void] {
  const [query, setQuery] = useSearchParams();
  const asked = query.get("show");
  const filter = FILTERS.find(({ name }) => name === asked)?.name ?? "all";
  const choose = (next: Filter) =>
    setQuery(next === "all" ? {} : { show: next }, { replace: true });
  return [filter, choose];
}
