// A client whose types `openapi-typescript` makes of the server's own document. It takes an agent
// through a sandbox call and reports each step; what the document does not say does not compile.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [url, key] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

function tell(what: string, payload: unknown): void {
  console.log(JSON.stringify({ what, payload }));
}

function found<Data>(asked: { data?: Data; error?: { error_code: string; message: string } }): Data {
  if (asked.data === undefined) {
    throw new Error(`${asked.error?.error_code}: ${asked.error?.message}`);
  }
  return asked.data;
}

const agent = found(
  await client.POST("/v1/agents", {
    body: { display_name: "Generated", ai_provider: "mock", ai_model: "echo", language: "en" },
  }),
);
tell("agent", { name: agent.display_name, language: agent.language });

const again = await client.POST("/v1/agents", {
  body: { display_name: "Generated", ai_provider: "mock", ai_model: "echo" },
});
tell("refused", { status: again.response.status, code: again.error?.error_code });

const placed = found(
  await client.POST("/v1/calls", {
    body: { agent_id: agent.agent_id, from_number: "+2348000001234", to_number: "+2348031234567" },
  }),
);
tell("placed", { status: placed.status, direction: placed.direction });

const call_id = placed.call_id;
let call = found(await client.GET("/v1/calls/{call_id}", { params: { path: { call_id } } }));
while (call.ended_at === null) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  call = found(await client.GET("/v1/calls/{call_id}", { params: { path: { call_id } } }));
}
const seconds: number | null = call.duration_seconds;
tell("ended", { status: call.status, agent: call.agent_id === agent.agent_id, seconds });

const transcript = found(
  await client.GET("/v1/calls/{call_id}/transcript", { params: { path: { call_id } } }),
);
tell("transcript", { roles: transcript.turns.map((turn) => turn.role) });

const query = { agent_id: agent.agent_id, page_size: 1 };
const page = found(await client.GET("/v1/calls", { params: { query } }));
tell("listed", { ids: page.calls.map((one) => one.call_id === call_id) });

const path = { agent_id: agent.agent_id };
const deleted = await client.DELETE("/v1/agents/{agent_id}", { params: { path } });
const gone = await client.GET("/v1/agents/{agent_id}", { params: { path } });
tell("deleted", { status: deleted.response.status, then: gone.error?.error_code });
