// The audit log: who did what. Operators and members are shown what they did themselves.

import { type Environment, run } from "./rpc";

const MOST = 100;

/** Return what was done to a call, the last first. */
export function readAudit(environment: Environment, callUuid: string, signal?: AbortSignal) {
  return run(
    environment,
    ({ listAuditEntries }) =>
      listAuditEntries({
        fields: [
          "id",
          "occurredAt",
          "actorKind",
          "actorName",
          "action",
          "outcome",
          "fields",
          "requestId",
        ],
        filter: { callUuid: { eq: callUuid } },
        sort: "-occurredAt",
        page: { limit: MOST },
      }),
    signal && { signal },
  );
}
