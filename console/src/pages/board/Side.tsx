// Beside the calls: who waits, who is on duty, and what has just ended.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { acceptWaiting, type Waiting } from "../../data/queue";
import type { OnDuty } from "../../data/team";
import { useShortcut } from "../../keys/listener";
import { answererName, callerName } from "../../live/call";
import { causeOf } from "../../live/causes";
import { isLive } from "../../live/connection";
import { lengthOf } from "../../live/facts";
import { useConnection, useEnded, useLive, useNow } from "../../live/Live";
import { time } from "../../live/reducer";
import { Button } from "../../parts/Button";
import { clock, sentence } from "../../parts/format";
import { Since } from "../../parts/RelativeTime";
import { say } from "../../parts/Toast";
import { moment, useTimes } from "../../parts/zone";
import { useEnvironment, useSession } from "../../session/session";
import board from "./Board.module.css";
import type { CallHref } from "./CallsNow";
import styles from "./Side.module.css";

const LONG_MS = 60_000;
const ENDED = 5;

interface WaitingListProps {
  waiting: readonly Waiting[];
  team: readonly OnDuty[];
}

export function WaitingList({ waiting, team }: WaitingListProps) {
  const accept = useAccept(team);
  const queues = new Set(waiting.map(({ queueName }) => queueName));
  const [longest] = waiting;
  const ready = accept.may && accept.live && longest;
  useShortcut("accept", ready ? () => accept.mutate(longest) : null);
  if (!waiting.length) return null;
  return (
    <section aria-labelledby="waiting" className={styles.waiting}>
      <div className={board.head}>
        <h2 id="waiting">Waiting</h2>
        <span className={`${board.hint} faint`}>
          {queues.size === 1 ? `queue ${[...queues][0]}` : `${queues.size} queues`}
        </span>
      </div>
      <ul aria-labelledby="waiting" className={styles.card}>
        {waiting.map((entry, place) => (
          <WaitingRow
            key={entry.id}
            entry={entry}
            first={place === 0}
            live={accept.live}
            busy={accept.isPending && accept.variables.id === entry.id}
            onAccept={accept.may ? () => accept.mutate(entry) : undefined}
          />
        ))}
      </ul>
    </section>
  );
}

interface WaitingRowProps {
  entry: Waiting;
  first: boolean;
  live: boolean;
  busy: boolean;
  onAccept: (() => void) | undefined;
}

function WaitingRow({ entry, first, live, busy, onAccept }: WaitingRowProps) {
  const now = useNow();
  const call = useLive().store.call(entry.callUuid);
  const name = call ? callerName(call) : entry.fromNumber;
  const since = entry.enteredAt === null ? now : time(entry.enteredAt);
  return (
    <li>
      <b>
        <bdi>{name}</bdi>
      </b>
      <small>
        <span className={now - since >= LONG_MS ? styles.long : undefined}>
          <Since at={since} />
        </span>{" "}
        {entry.status === "offered" ? "offered to an operator" : ""}
      </small>
      {onAccept ? (
        <Button
          low
          look={first ? "people" : "plain"}
          disabled={busy || !live}
          aria-label={`Accept ${name}`}
          onClick={onAccept}
        >
          {busy ? "Accepting…" : "Accept"}
        </Button>
      ) : null}
    </li>
  );
}

/** Take waiting calls, under one's own line if one has one, else under one's own name. */
function useAccept(team: readonly OnDuty[]) {
  const environment = useEnvironment();
  const queries = useQueryClient();
  const { user, can } = useSession().me;
  const own = team.find(({ sipUser }) => sipUser.user.id === user.id)?.agentName;
  const mutation = useMutation({
    mutationFn: (entry: Waiting) =>
      acceptWaiting(environment, entry.id, own ?? user.fullName ?? user.email),
    onError: (error) =>
      say("The call was not accepted", { description: sentence(error.message), failed: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: [environment, "queue"] }),
  });
  const live = useConnection(({ state }) => isLive(state));
  return { ...mutation, live, may: can.includes("accept_call_queue_entry") };
}

const STATES: Readonly<Record<OnDuty["status"], string>> = {
  available: "Available",
  busy: "Busy",
  on_break: "On break",
  offline: "Offline",
};

export function TeamList({ team }: { team: readonly OnDuty[] }) {
  if (!team.length) return null;
  const onDuty = team.filter(({ status }) => status !== "offline").length;
  return (
    <section aria-labelledby="team" className="not-phone">
      <div className={board.head}>
        <h2 id="team">Team</h2>
        <span className={`${board.hint} faint`}>
          {onDuty} of {team.length} on duty
        </span>
      </div>
      <ul aria-labelledby="team" className={styles.card}>
        {team.map((one) => (
          <TeamRow key={one.id} one={one} />
        ))}
      </ul>
    </section>
  );
}

function TeamRow({ one }: { one: OnDuty }) {
  const { user } = one.sipUser;
  const name = user.fullName ?? user.email;
  const changed = one.changedByUser;
  const { minute } = useTimes();
  const since = time(one.updatedAt);
  return (
    <li>
      <span className={styles.face}>
        <span className={styles.initials} aria-hidden="true">
          {initials(name)}
        </span>
        <b>
          <bdi>{name}</bdi>
        </b>
      </span>
      <span className={styles.state}>
        <b>{STATES[one.status]}</b>
        <span title={moment(since)}>since {minute(since)}</span>
        {changed && changed.id !== user.id ? `, by ${changed.fullName}` : ""}
      </span>
    </li>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s@.]+/u).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? "")
    .join("");
}

export function JustEnded({ callHref }: { callHref: CallHref }) {
  const ended = useEnded().slice(0, ENDED);
  if (!ended.length) return null;
  return (
    <section aria-labelledby="just-ended" className="not-phone">
      <div className={board.head}>
        <h2 id="just-ended">Just ended</h2>
      </div>
      <ul aria-labelledby="just-ended" className={styles.card}>
        {ended.map((call) => (
          <li key={call.uuid}>
            <b>
              <Link href={callHref(call.uuid)}>
                <bdi>{callerName(call)}</bdi>
              </Link>
            </b>
            <time>{clock(lengthOf(call, 0))}</time>
            <small>
              <bdi>{answererName(call)}</bdi>, {causeOf(call)}
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}
