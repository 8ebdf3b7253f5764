// Calls: find one.

import { useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useShortcut } from "../../keys/listener";
import { Button } from "../../parts/Button";
import { Empty, Skeleton } from "../../parts/Empty";
import { Failed } from "../../parts/Failed";
import { NewCalls, Panel } from "../../parts/Panel";
import { Table } from "../../parts/Table";
import { usePageTitle } from "../../parts/title";
import { useEnvironment } from "../../session/session";
import styles from "./Calls.module.css";
import { columnsOf } from "./columns";
import { FilterForm } from "./FilterForm";
import { type Filter, howMany, NO_FILTER, toQuery } from "./filter";
import { Tools } from "./Tools";
import { keepRow, rowOfHistory, useCalls, useFilter, useNewCalls } from "./use";

const ROW = 44;
const WHAT = "The calls could not be read.";

export default function Calls() {
  usePageTitle("Calls");
  const [filter, choose] = useFilter();
  const first = useRef<HTMLInputElement>(null);
  useShortcut("filter", () => first.current?.focus());
  useShortcut("back", howMany(filter) ? () => choose(fresh(filter)) : null);
  const address = toQuery(filter).toString();
  return (
    <div className={styles.page}>
      <FilterForm filter={filter} onChange={choose} first={first}>
        <Tools key={address} filter={filter} />
      </FilterForm>
      <List key={address} filter={filter} onClear={() => choose(fresh(filter))} />
    </div>
  );
}

const fresh = (filter: Filter): Filter => ({ ...NO_FILTER, sort: filter.sort });

function List({ filter, onClear }: { filter: Filter; onClear(): void }) {
  const environment = useEnvironment();
  const [, navigate] = useLocation();
  const [row] = useState(rowOfHistory);
  const pages = useCalls(filter, { cameBack: row !== undefined });
  const calls = useMemo(() => pages.data?.pages.flatMap((page) => page.calls) ?? [], [pages.data]);
  const fresher = useNewCalls(filter, calls);
  const callHref = (uuid: string) => `/${environment}/calls/${encodeURIComponent(uuid)}`;
  const latest = () => {
    document.querySelector("main")?.scrollTo({ top: 0 });
    pages.refetch();
  };
  useShortcut("latest", fresher ? latest : null);
  if (pages.isError && !calls.length) {
    return <Failed what={WHAT} error={pages.error} onRetry={() => pages.refetch()} />;
  }
  if (pages.isPending) {
    return (
      <Panel>
        <Skeleton rows={12} height={ROW} />
      </Panel>
    );
  }
  return (
    <>
      <NewCalls number={fresher} onShow={latest} />
      {calls.length ? (
        <Table
          label="Calls"
          columns={columnsOf(callHref)}
          rows={calls}
          rowKey={(call) => call.uuid}
          namedBy={["caller", "answer"]}
          height={ROW}
          more={pages.hasNextPage}
          onOpen={(call) => navigate(callHref(call.uuid))}
          startAt={row}
          onCurrent={keepRow}
          onEnd={pages.hasNextPage && !pages.isFetching ? () => pages.fetchNextPage() : undefined}
        />
      ) : (
        <NoCalls filter={filter} onClear={onClear} />
      )}
      {pages.isFetchNextPageError ? (
        <Failed what={WHAT} error={pages.error} onRetry={() => pages.fetchNextPage()} />
      ) : null}
    </>
  );
}

function NoCalls({ filter, onClear }: { filter: Filter; onClear(): void }) {
  return (
    <Panel>
      {howMany(filter) ? (
        <Empty
          title="No call is like that."
          action={<Button onClick={onClear}>Clear the filter</Button>}
        >
          None of the calls has all that the filter asks for.
        </Empty>
      ) : (
        <Empty title="There was no call yet.">
          Every call to your agents, and every call that another system reports, is listed here.
        </Empty>
      )}
    </Panel>
  );
}
