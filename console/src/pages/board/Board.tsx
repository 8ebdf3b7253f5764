// Board: what is happening now, and where do I look?

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { readWaiting } from "../../data/queue";
import { readTeam } from "../../data/team";
import { isLive } from "../../live/connection";
import { useConnection } from "../../live/Live";
import { Failed } from "../../parts/Failed";
import { usePageTitle } from "../../parts/title";
import { useEnvironment } from "../../session/session";
import styles from "./Board.module.css";
import { CallsNow } from "./CallsNow";
import { Figures } from "./Figures";
import { JustEnded, TeamList, WaitingList } from "./Side";
import { useSummary } from "./use";

const EVERY_MS = 10_000;

export default function Board() {
  usePageTitle("Board");
  const environment = useEnvironment();
  const summary = useSummary();
  const waiting = useQuery({
    queryKey: [environment, "queue"],
    queryFn: ({ signal }) => readWaiting(environment, signal),
    refetchInterval: EVERY_MS,
  });
  const team = useQuery({
    queryKey: [environment, "team"],
    queryFn: ({ signal }) => readTeam(environment, signal),
    refetchInterval: EVERY_MS,
  });
  useReadAgain(summary.queued);
  const callHref = (uuid: string) => `/${environment}/calls/${encodeURIComponent(uuid)}`;
  return (
    <div className={styles.board}>
      <Figures summary={summary} waiting={waiting.data} />
      <div className={styles.floor}>
        <CallsNow summary={summary} callHref={callHref} />
        <div className={styles.side}>
          {waiting.isError ? (
            <Failed
              what="The queue could not be read."
              error={waiting.error}
              onRetry={waiting.refetch}
            />
          ) : null}
          <WaitingList waiting={waiting.data ?? []} team={team.data ?? []} />
          {team.isError ? (
            <Failed what="The team could not be read." error={team.error} onRetry={team.refetch} />
          ) : null}
          <TeamList team={team.data ?? []} />
          <JustEnded callHref={callHref} />
        </div>
      </div>
    </div>
  );
}

/**
 * Read queue and team again with each event of a call that is in a queue: they have none yet. What
 * the feed begins with is none: both have just been read.
 */
function useReadAgain(queued: string): void {
  const environment = useEnvironment();
  const queries = useQueryClient();
  const live = useConnection(({ state }) => isLive(state));
  const known = useRef<string | null>(null);
  useEffect(() => {
    if (!live) return;
    const before = known.current;
    known.current = queued;
    if (before === null || before === queued) return;
    queries.invalidateQueries({ queryKey: [environment, "queue"] });
    queries.invalidateQueries({ queryKey: [environment, "team"] });
  }, [queued, live, environment, queries]);
}
