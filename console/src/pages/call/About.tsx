// What else there is to know about a call. Tabs are links: each has an address.

import { Link } from "wouter";
import type { CallRow } from "../../data/call";
import type { Call } from "../../live/call";
import type { CallEvent } from "../../live/reducer";
import { count } from "../../parts/format";
import { useSession } from "../../session/session";
import styles from "./About.module.css";
import { Audit } from "./Audit";
import type { Tab } from "./address";
import { Events } from "./Events";
import { Facts } from "./Facts";
import { People } from "./People";

interface AboutProps {
  call: Call;
  events: readonly CallEvent[];
  row: CallRow | null;
  tab: Tab;
  hrefOf(tab: Tab): string;
}

export function About({ call, events, row, tab, hrefOf }: AboutProps) {
  const audits = useSession().me.can.includes("list_audit_entries");
  const tabs: { name: Tab; label: string; count?: number }[] = [
    { name: "events", label: "Events", count: events.length },
    { name: "people", label: "People", count: call.participants.length },
    { name: "facts", label: "Facts" },
    ...(audits ? [{ name: "audit" as const, label: "Audit" }] : []),
  ];
  return (
    <section className={styles.box} aria-label="About this call, in full">
      <nav aria-label="About this call" className={styles.tabs}>
        {tabs.map(({ name, label, count: many }) => (
          <span key={name} className={styles.tab}>
            <Link href={hrefOf(name)} replace aria-current={name === tab ? "true" : undefined}>
              {label}
            </Link>
            {many === undefined ? null : <span aria-hidden="true">{count(many)}</span>}
          </span>
        ))}
      </nav>
      {tab === "events" ? <Events call={call} events={events} /> : null}
      {tab === "people" ? <People call={call} /> : null}
      {tab === "audit" && audits ? <Audit call={call} /> : null}
      {tab === "facts" ? <Facts call={call} events={events} row={row} /> : null}
    </section>
  );
}
