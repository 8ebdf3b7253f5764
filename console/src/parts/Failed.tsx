// What stands where something would that could not be read: why, what to do, and the request's id.

import { useEffect, useRef, useState } from "react";
import { Button } from "./Button";
import { Banner } from "./Empty";
import styles from "./Failed.module.css";
import { sentence } from "./format";

/** Why a request failed; `ApiError` is one. */
export interface Failure {
  readonly type: string;
  readonly message: string;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
}

interface FailedProps {
  /** What is missing: "The devices could not be read." */
  what: string;
  error: unknown;
  onRetry(): void;
}

export function Failed({ what, error, onRetry }: FailedProps) {
  const failure = failureOf(error);
  if (failure.type === "rate_limited") {
    return <Waiting ms={failure.retryAfterMs ?? 1000} key={failure.requestId} onRetry={onRetry} />;
  }
  return (
    <Banner failed>
      <span className={styles.why}>
        {what} {sentence(failure.message)}
      </span>
      {failure.type === "forbidden" ? null : (
        <Button low onClick={onRetry}>
          Try again
        </Button>
      )}
      {failure.requestId ? <code className={styles.id}>{failure.requestId}</code> : null}
    </Banner>
  );
}

/** "Too many requests: again in 3 s", counting, then by itself. */
function Waiting({ ms, onRetry }: { ms: number; onRetry(): void }) {
  const [left, setLeft] = useState(Math.ceil(ms / 1000));
  const latest = useRef(onRetry);
  latest.current = onRetry;
  useEffect(() => {
    const ticking = setInterval(() => setLeft((seconds) => seconds - 1), 1000);
    return () => clearInterval(ticking);
  }, []);
  useEffect(() => {
    if (left <= 0) latest.current();
  }, [left]);
  return <Banner>Too many requests: again in {Math.max(0, left)} s</Banner>;
}

function failureOf(error: unknown): Failure {
  const known = error as Partial<Failure>;
  return {
    type: known.type ?? "unknown",
    message: error instanceof Error ? error.message : "",
    requestId: known.requestId ?? null,
    retryAfterMs: known.retryAfterMs ?? null,
  };
}
