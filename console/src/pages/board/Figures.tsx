// The plate of figures above the calls.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { countCalls } from "../../data/calls";
import type { Waiting } from "../../data/queue";
import { clock as serverClock } from "../../data/time";
import { time } from "../../live/reducer";
import { count, counted, percent } from "../../parts/format";
import { Since } from "../../parts/RelativeTime";
import { Who } from "../../parts/Tag";
import { dayOf, midnight, useZone } from "../../parts/zone";
import { useEnvironment } from "../../session/session";
import styles from "./Board.module.css";
import type { Summary } from "./summary";

const EVERY_MS = 60_000;

interface FiguresProps {
  summary: Summary;
  waiting: readonly Waiting[] | undefined;
}

export function Figures({ summary, waiting }: FiguresProps) {
  const { all, agent, person } = summary.calls;
  const [longest] = waiting ?? [];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    <div role="group" aria-label="Figures">
      <dl className={styles.plate}>
        <Figure term="On the line" value={count(all.size)}>
          <span className={styles.parties}>
            <Who party="agent" />
            {counted(agent.size, "agent")}
          </span>
          <span className={styles.parties}>
            <Who party="person" />
            {count(person.size)}{" "}
            <span className={styles.noun}>{person.size === 1 ? "person" : "people"}</span>
          </span>
        </Figure>
        <Figure term="Waiting" value={waiting ? count(waiting.length) : "–"}>
          {longest?.enteredAt ? (
            <>
              longest <Since at={time(longest.enteredAt)} />
            </>
          ) : (
            "no one waits"
          )}
        </Figure>
        <AnsweredToday />
        <TurnGap gap={summary.gap} />
      </dl>
    </div>
  );
}

interface FigureProps {
  term: string;
  value: string;
  unit?: string;
  notPhone?: boolean;
  children: ReactNode;
}

function Figure({ term, value, unit, notPhone, children }: FigureProps) {
  return (
    <div className={notPhone ? "not-phone" : undefined}>
      <dt>{term}</dt>
      <dd className={styles.big}>
        {value}
        {unit ? <small> {unit}</small> : null}
      </dd>
      <dd className={styles.sub}>{children}</dd>
    </div>
  );
}

function AnsweredToday() {
  const environment = useEnvironment();
  const zone = useZone();
  const { data, isError } = useQuery({
    queryKey: [environment, "figures", "today", zone],
    refetchInterval: EVERY_MS,
    queryFn: async ({ signal }) => {
      const today = midnight(dayOf(serverClock.now(), zone), zone);
      const startedAt = { greaterThanOrEqual: new Date(today).toISOString() };
      const [all, answered] = await Promise.all([
        countCalls(environment, { startedAt }, signal),
        countCalls(environment, { startedAt, answeredAt: { isNil: false } }, signal),
      ]);
      return { all, answered };
    },
  });
  if (!data?.all) {
    return (
      <Figure term="Answered today" value="–" notPhone>
        {data ? "no call today" : isError ? "could not be read" : "…"}
      </Figure>
    );
  }
  const { all, answered } = data;
  return (
    <Figure term="Answered today" value={percent(answered, all)} unit="%" notPhone>
      {count(answered)} of {counted(all, "call")}
    </Figure>
  );
}

function TurnGap({ gap }: Pick<Summary, "gap">) {
  if (!gap) {
    return (
      <Figure term="Turn gap, p95" value="–">
        of the calls now
      </Figure>
    );
  }
  const { ms, turn } = gap.p95;
  return (
    <Figure
      term="Turn gap, p95"
      value={`${gap.exact ? "" : "≈ "}${count(Math.round(ms))}`}
      unit="ms"
    >
      {turn.latency ? `${count(turn.latency.gatewayMs)} ms of it ours` : "worked out from events"}
    </Figure>
  );
}
