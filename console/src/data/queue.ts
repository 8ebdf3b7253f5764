// The queue: who waits, and taking the next one.

import { type Environment, order, run } from "./rpc";

/** Return the waiting calls, the longest wait first. */
export function readWaiting(environment: Environment, signal?: AbortSignal) {
  return run(
    environment,
    ({ listCallQueueEntries }) =>
      listCallQueueEntries({
        fields: ["id", "callUuid", "fromNumber", "queueName", "position", "status", "enteredAt"],
        filter: { status: { in: ["waiting", "offered"] } },
        sort: "enteredAt",
      }),
    signal && { signal },
  );
}

export type Waiting = Awaited<ReturnType<typeof readWaiting>>[number];

/** Take a waiting call, under the name by which the team knows the person. */
export function acceptWaiting(environment: Environment, id: string, agentName: string) {
  return order(environment, ({ acceptCallQueueEntry }) =>
    acceptCallQueueEntry({ identity: id, input: { agentName }, fields: ["id", "status"] }),
  );
}
