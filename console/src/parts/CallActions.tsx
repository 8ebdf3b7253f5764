// What one may do to a live call. Nothing is assumed: what is shown changes when the event comes.

import { Pause, PhoneOff, Play } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { endCall, pauseAgent, resumeAgent } from "../data/calls";
import type { Environment } from "../data/rpc";
import { useShortcut } from "../keys/listener";
import { type Call, callerName, hasEnded, isPaused, withAgent } from "../live/call";
import { isLive } from "../live/connection";
import { useConnection } from "../live/Live";
import { useEnvironment, useSession } from "../session/session";
import { Button } from "./Button";
import { Confirm } from "./Dialog";
import { sentence } from "./format";
import { say } from "./Toast";

type Deed = "end" | "pause" | "resume";

const ORDERS = {
  end: { give: endCall, action: "end_call", failed: "The call was not ended" },
  pause: { give: pauseAgent, action: "barge_call", failed: "The agent was not paused" },
  resume: { give: resumeAgent, action: "resume_ai_call", failed: "The agent was not resumed" },
} as const satisfies Record<
  Deed,
  {
    give(environment: Environment, callUuid: string): Promise<unknown>;
    action: string;
    failed: string;
  }
>;

/** After this, a button says that no event has confirmed its order yet. */
const CONFIRMED_WITHIN_MS = 1000;

interface CallActionsProps {
  call: Call;
  low?: boolean;
  /** Whether the keys of a call act on this one. */
  keys: boolean;
}

export function CallActions({ call, low = false, keys }: CallActionsProps) {
  const orders = useOrders(call);
  const [asked, setAsked] = useState<Deed | null>(null);
  const turn = isPaused(call) ? "resume" : "pause";
  const may = (deed: Deed) => orders.may(deed) && !hasEnded(call);
  const pausable = may(turn) && (turn === "resume" || withAgent(call));
  const pause = () => (turn === "resume" ? orders.give("resume") : setAsked("pause"));
  useShortcut("end", keys && may("end") ? () => setAsked("end") : null);
  useShortcut("pause", keys && pausable ? pause : null);
  return (
    <>
      {pausable ? (
        <Button low={low} disabled={orders.busy !== null || !orders.live} onClick={pause}>
          {turn === "resume" ? <Play aria-hidden /> : <Pause aria-hidden />}
          {turn === "resume" ? "Resume agent" : "Pause agent"}
        </Button>
      ) : null}
      {may("end") ? (
        <Button
          low={low}
          look="end"
          disabled={orders.busy !== null || !orders.live}
          onClick={() => setAsked("end")}
        >
          <PhoneOff aria-hidden />
          {orders.busy === "end" ? "Ending…" : "End call"}
        </Button>
      ) : null}
      {orders.late ? (
        <span role="status" className="quiet">
          not confirmed yet
        </span>
      ) : null}
      <Questions asked={asked} call={call} onClose={() => setAsked(null)} onGive={orders.give} />
    </>
  );
}

interface QuestionsProps {
  asked: Deed | null;
  call: Call;
  onClose(): void;
  onGive(deed: Deed): void;
}

function Questions({ asked, call, onClose, onGive }: QuestionsProps): ReactNode {
  const name = callerName(call);
  return (
    <>
      <Confirm
        open={asked === "end"}
        onClose={onClose}
        title="End this call?"
        verb="End call"
        look="end"
        onConfirm={() => onGive("end")}
      >
        {name} hears nothing more.
      </Confirm>
      <Confirm
        open={asked === "pause"}
        onClose={onClose}
        title="Pause the agent?"
        verb="Pause agent"
        onConfirm={() => onGive("pause")}
      >
        {name} hears silence until the agent resumes: no person can speak to them from here.
      </Confirm>
    </>
  );
}

/** Give orders to a call, one at a time, and know which one no event has confirmed yet. */
function useOrders(call: Call) {
  const environment = useEnvironment();
  const { can } = useSession().me;
  const live = useConnection(({ state }) => isLive(state));
  const [busy, setBusy] = useState<Deed | null>(null);
  const [late, setLate] = useState(false);
  const done =
    hasEnded(call) ||
    (busy === "pause" && isPaused(call)) ||
    (busy === "resume" && !isPaused(call));

  useEffect(() => {
    if (done) setBusy(null);
  }, [done]);
  useEffect(() => {
    setLate(false);
    if (busy === null) return;
    const timer = setTimeout(() => setLate(true), CONFIRMED_WITHIN_MS);
    return () => clearTimeout(timer);
  }, [busy]);

  const give = (deed: Deed) => {
    setBusy(deed);
    ORDERS[deed].give(environment, call.uuid).catch((error: unknown) => {
      setBusy(null);
      const description = error instanceof Error ? sentence(error.message) : String(error);
      say(ORDERS[deed].failed, { description, failed: true });
    });
  };
  return { give, live, busy, late, may: (deed: Deed) => can.includes(ORDERS[deed].action) };
}
