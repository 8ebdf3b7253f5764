// An integration that keeps its agent's tools in its own code, as an existing PHP plug-in was
// written (8, assumption 3): a PATCH with stringified `tool_definitions`, and `message` from the
// body of an error. It knows nothing of Ringline but the documentation.
const [url, key, agent] = process.argv.slice(2);

function tell(what, payload) {
  console.log(JSON.stringify({ what, payload }));
}

async function api(method, path, body) {
  const answer = await fetch(`${url}/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const data = text === "" ? {} : JSON.parse(text);
  if (!answer.ok) throw new Error(data.message || `HTTP ${answer.status}`);
  return data;
}

const tools = [
  {
    type: "function",
    function: {
      name: "lookup_order",
      description: "Looks an order up.",
      parameters: {
        type: "object",
        properties: { order_no: { type: "string" } },
        required: ["order_no"],
      },
    },
  },
];

const before = await api("GET", `/agents/${agent}`);
tell("before", JSON.parse(before.tool_definitions));

const after = await api("PATCH", `/agents/${agent}`, { tool_definitions: JSON.stringify(tools) });
tell("after", JSON.parse(after.tool_definitions));

for (const wrong of ["{", "{}", JSON.stringify([tools[0], tools[0]])]) {
  try {
    await api("PATCH", `/agents/${agent}`, { tool_definitions: wrong });
    tell("accepted", wrong);
  } catch (error) {
    tell("refused", { message: error.message });
  }
}
tell("kept", JSON.parse((await api("GET", `/agents/${agent}`)).tool_definitions));
