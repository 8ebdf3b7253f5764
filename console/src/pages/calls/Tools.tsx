// What one may do with the whole list: count it, or take it away as a file.

import { Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { MOST_ROWS, readAllCalls } from "../../data/callList";
import { countCalls } from "../../data/calls";
import { Button } from "../../parts/Button";
import { count, counted, sentence } from "../../parts/format";
import { say } from "../../parts/Toast";
import { zone } from "../../parts/zone";
import { useEnvironment } from "../../session/session";
import { toCsv } from "./csv";
import { type Filter, toRpc } from "./filter";
import { askedOf } from "./use";

export function Tools({ filter }: { filter: Filter }) {
  return (
    <>
      <Count filter={filter} />
      <Csv filter={filter} />
    </>
  );
}

/** Counting reads every call of the filter, so one asks for it. */
function Count({ filter }: { filter: Filter }) {
  const environment = useEnvironment();
  const [state, setState] = useState<number | "asked" | null>(null);
  const ask = async () => {
    setState("asked");
    try {
      setState(await countCalls(environment, toRpc(filter, zone())));
    } catch (error) {
      setState(null);
      complain("The calls could not be counted", error);
    }
  };
  return (
    <>
      <span role="status" className="quiet">
        {typeof state === "number" ? counted(state, "call") : ""}
      </span>
      {typeof state === "number" ? null : (
        <Button disabled={state === "asked"} onClick={ask}>
          {state === "asked" ? "Counting…" : "Count"}
        </Button>
      )}
    </>
  );
}

function Csv({ filter }: { filter: Filter }) {
  const environment = useEnvironment();
  const [read, setRead] = useState<number | null>(null);
  const ended = useRef<AbortController>(null);
  useEffect(() => () => ended.current?.abort(), []);
  const save = async () => {
    ended.current = new AbortController();
    const { signal } = ended.current;
    setRead(0);
    try {
      const { rows, isWhole } = await readAllCalls(environment, askedOf(filter, zone()), {
        onRead: setRead,
        signal,
      });
      download(toCsv(rows));
      if (!isWhole) say(`The file has the first ${count(MOST_ROWS)} calls`);
    } catch (error) {
      if (!signal.aborted) complain("The file was not made", error);
    }
    setRead(null);
  };
  return read === null ? (
    <Button onClick={save}>
      <Download aria-hidden /> CSV
    </Button>
  ) : (
    <Button onClick={() => ended.current?.abort()}>
      Stop <span className="quiet">{counted(read, "call")} read</span>
    </Button>
  );
}

function complain(what: string, error: unknown) {
  say(what, {
    description: error instanceof Error ? sentence(error.message) : String(error),
    failed: true,
  });
}

function download(text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "calls.csv";
  link.click();
  URL.revokeObjectURL(url);
}
