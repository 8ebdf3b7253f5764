// A watcher of a transcript on the eventsource client, as it is published. What it sees goes
// to stdout as lines of JSON.
import { EventSource } from "eventsource";

const tell = (what, payload = {}) => console.log(JSON.stringify({ what, payload }));
const source = new EventSource(process.argv[2]);

source.onopen = () => tell("open");
source.onmessage = ({ data, lastEventId }) =>
  tell("message", { frame: JSON.parse(data), id: lastEventId });
source.onerror = ({ code = null, data = null }) =>
  tell("error", { code, data, closed: source.readyState === EventSource.CLOSED });
process.stdin.on("end", () => process.exit(0)).resume();
