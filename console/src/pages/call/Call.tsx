// Call: what was said, what was heard, what happened, why?

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { type CallRow, readCall } from "../../data/call";
import { clock as serverClock } from "../../data/time";
import { useShortcut } from "../../keys/listener";
import { type Call as CallState, callerName, hasEnded, type Turn } from "../../live/call";
import { useHistory } from "../../live/Live";
import type { CallEvent } from "../../live/reducer";
import { ButtonLink } from "../../parts/Button";
import { Empty, Skeleton } from "../../parts/Empty";
import { Failed } from "../../parts/Failed";
import { Panel } from "../../parts/Panel";
import { usePageTitle } from "../../parts/title";
import { useEnvironment } from "../../session/session";
import { About } from "./About";
import { callIn, placeOf, searchOf, type Tab } from "./address";
import styles from "./Call.module.css";
import { entriesOf } from "./entries";
import { Gaps } from "./Gaps";
import { Head } from "./Head";
import { Reel, SKIP_MS } from "./Reel";
import { useRecording } from "./recording";
import { Transcript } from "./Transcript";

export default function Call() {
  const [path, navigate] = useLocation();
  const environment = useEnvironment();
  const uuid = callIn(location.pathname);
  // Back to the list or board one came from; a call that was opened by its address has none.
  const leave = () =>
    "navigation" in window && window.navigation.canGoBack
      ? history.back()
      : navigate(`/${environment}/calls`);
  useShortcut("back", leave);
  return uuid ? <Opened key={`${path} ${uuid}`} uuid={uuid} /> : <NoSuchCall />;
}

function NoSuchCall() {
  const environment = useEnvironment();
  usePageTitle("Call", { text: "Calls", href: `/${environment}/calls` });
  return (
    <Panel>
      <Empty
        title="No such call here."
        action={<ButtonLink href={`/${environment}/calls`}>Find a call</ButtonLink>}
      >
        Its address may be of another environment.
      </Empty>
    </Panel>
  );
}

function Opened({ uuid }: { uuid: string }) {
  const environment = useEnvironment();
  const { state, call, row, events, error, again } = useHistory(uuid);
  const name = call ? callerName(call) : "Call";
  usePageTitle(name, { text: "Calls", href: `/${environment}/calls` });
  const latest = useLatest(row, call);
  if (call === null) {
    if (state === "failed") {
      return <Failed what="The call could not be read." error={error} onRetry={again} />;
    }
    if (state === "reading") return <Skeleton rows={8} height={56} />;
    return <NoSuchCall />;
  }
  return (
    <>
      {state === "failed" ? (
        <Failed what="The call could not be read again." error={error} onRetry={again} />
      ) : null}
      <Shown call={call} events={events} row={latest} />
    </>
  );
}

interface ShownProps {
  call: CallState;
  events: readonly CallEvent[];
  row: CallRow | null;
}

function Shown({ call, events, row }: ShownProps) {
  const { turn, tab, mark, hrefOf } = usePlace(call.uuid);
  const recording = useRecording(call, row);
  const entries = useMemo(() => entriesOf(call), [call]);
  const marked = call.turns.find(({ id }) => id === turn) ?? null;
  const [sought, setSought] = useState<number | null>(null);
  const seek = (to: number) => {
    const at = Math.min(Math.max(call.startedAt ?? 0, to), call.endedAt ?? serverClock.now());
    recording?.seek(at);
    setSought(at);
    const under = call.turns.findLast(({ from }) => from <= at) ?? call.turns[0];
    if (under) mark(under.id);
  };
  const choose = (one: Turn | undefined) => {
    if (one === undefined) return;
    recording?.seek(one.from);
    setSought(null);
    mark(one.id);
  };
  const spoken = recording?.spokenIn(call.turns) ?? null;
  useEffect(() => {
    if (spoken) mark(spoken.id);
  }, [spoken, mark]);
  const step = (by: number) => {
    if (marked === null) choose(call.turns.at(by < 0 ? -1 : 0));
    else choose(call.turns[call.turns.indexOf(marked) + by]);
  };
  const at = recording?.at ?? (marked && sought) ?? marked?.from ?? null;
  const skip = (by: number) => seek((at ?? call.startedAt ?? 0) + by);
  useShortcut("rewind", () => skip(-SKIP_MS));
  useShortcut("forward", () => skip(SKIP_MS));
  return (
    <div className={styles.call}>
      <Head call={call} />
      <Reel call={call} at={at} onSeek={seek} onSkip={skip} recording={recording} />
      <div className={styles.two}>
        <Transcript
          call={call}
          entries={entries}
          marked={marked?.id ?? null}
          onStep={step}
          onMark={(id) => {
            if (id === null) mark(null);
            else choose(call.turns.find((one) => one.id === id));
          }}
        />
        <div className={styles.stack}>
          <Gaps call={call} onOpen={choose} />
          <About call={call} events={events} row={row} tab={tab} hrefOf={hrefOf} />
        </div>
      </div>
    </div>
  );
}

/** Return what no event says of a call, read again once it has ended: it may be recorded. */
function useLatest(row: CallRow | null, call: CallState | null): CallRow | null {
  const environment = useEnvironment();
  const uuid = row?.callUuid ?? "";
  const isOld = row !== null && row.endedAt === null && call !== null && hasEnded(call);
  const { data } = useQuery({
    queryKey: [environment, "call", uuid],
    queryFn: ({ signal }) => readCall(environment, uuid, signal),
    enabled: isOld,
    // A recording's file takes another moment.
    refetchInterval: ({ state }) => (state.dataUpdateCount < TRIES ? RECORDED_MS : false),
  });
  return isOld ? (data ?? row) : row;
}

const RECORDED_MS = 2000;
const TRIES = 3;

/** What of the page is in its address. */
function usePlace(uuid: string) {
  const [, navigate] = useLocation();
  const environment = useEnvironment();
  // The router's own path is decoded: a name with a percent sign would not come back whole.
  const path = `/${environment}/calls/${encodeURIComponent(uuid)}`;
  const place = placeOf(useSearch());
  const latest = useRef(place);
  latest.current = place;
  const mark = useMemo(
    () => (turn: string | null) => {
      if (latest.current.turn === turn) return;
      navigate(`${path}${searchOf({ ...latest.current, turn })}`, { replace: true });
    },
    [path, navigate],
  );
  const hrefOf = (tab: Tab) => `${path}${searchOf({ ...place, tab })}`;
  return { ...place, mark, hrefOf };
}
