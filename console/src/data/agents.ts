// Agents: here their names, which events leave out.

import { type Environment, run } from "./rpc";

/** Return the names of all agents by their ids. */
export async function agentNames(
  environment: Environment,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const agents = await run(
    environment,
    ({ listAiAgents }) => listAiAgents({ fields: ["id", "name"] }),
    signal && { signal },
  );
  return new Map(agents.map(({ id, name }) => [id, name]));
}
