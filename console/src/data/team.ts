// The team: who is on duty, and by whom that was said.

import { type Environment, run } from "./rpc";

/** Return the operators' statuses, whose status changed last first. */
export function readTeam(environment: Environment, signal?: AbortSignal) {
  return run(
    environment,
    ({ listOperatorStatuses }) =>
      listOperatorStatuses({
        fields: [
          "id",
          "agentName",
          "status",
          "source",
          "updatedAt",
          {
            sipUser: ["id", "sipUsername", { user: ["id", "fullName", "email"] }],
            changedByUser: ["id", "fullName"],
          },
        ],
        sort: "-updatedAt",
      }),
    signal && { signal },
  );
}

export type OnDuty = Awaited<ReturnType<typeof readTeam>>[number];
