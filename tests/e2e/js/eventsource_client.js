// A watcher of a stream on the eventsource client, as it is published; a credential goes into a
// header, as its documentation says. What it sees goes to stdout as lines of JSON.
import { EventSource } from "eventsource";

const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const [url, credential] = process.argv.slice(2);
const authorization = credential && { Authorization: `Bearer ${credential}` };
const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...authorization } }),
});

source.onopen = () => tell("open");
source.onmessage = ({ data, lastEventId }) =>
  tell("message", { frame: JSON.parse(data), id: lastEventId });
source.onerror = ({ code = null, data = null }) =>
  tell("error", { code, data, closed: source.readyState === EventSource.CLOSED });
process.stdin.on("end", () => process.exit(0)).resume();
