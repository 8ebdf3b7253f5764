// The form above the list of calls. Each change is in the address at once.

import { useQuery } from "@tanstack/react-query";
import { SlidersHorizontal } from "lucide-react";
import { type ReactNode, type RefObject, useEffect, useState } from "react";
import { agentNames } from "../../data/agents";
import { clock } from "../../data/time";
import { CAUSES, STATUSES } from "../../live/causes";
import { Button } from "../../parts/Button";
import { Field, SelectField } from "../../parts/Field";
import { zone } from "../../parts/zone";
import { useEnvironment } from "../../session/session";
import styles from "./Calls.module.css";
import { dayBefore, type Filter, howMany, NO_FILTER } from "./filter";

/** With "interrupted" alone, every turn that was ever said would have to be looked at. */
const INTERRUPTED_DAYS = 30;
/** How long after the last key a number is looked for. */
const WAIT_MS = 300;

interface FilterFormProps {
  filter: Filter;
  onChange(filter: Filter): void;
  first: RefObject<HTMLInputElement | null>;
  /** What stands beside the fields that are always there. */
  children: ReactNode;
}

/** The parts that are behind "More" until one of them is set. */
const RARE = ["direction", "to", "longer", "shorter", "cause", "interrupted", "sort"] as const;

export function FilterForm({ filter, onChange, first, children }: FilterFormProps) {
  const [more, setMore] = useState(RARE.some((name) => filter[name] !== NO_FILTER[name]));
  const set = (part: Partial<Filter>) => onChange({ ...filter, ...part });
  return (
    <search aria-label="Filter calls" className={styles.filter}>
      <div className={styles.fields}>
        <NumberField number={filter.number} first={first} onChange={(number) => set({ number })} />
        <SelectField
          label="State"
          value={filter.state ?? ""}
          onChange={({ target }) => set({ state: orNull(target.value) as Filter["state"] })}
        >
          <option value="">Any</option>
          <option value="open">On the line</option>
          {options(STATUSES)}
        </SelectField>
        <AgentField agent={filter.agent} onChange={(agent) => set({ agent })} />
        <Field
          label="From"
          type="date"
          value={filter.from ?? ""}
          onChange={({ target }) => set({ from: orNull(target.value) })}
        />
        <div className={styles.tools}>
          <Button aria-expanded={more} onClick={() => setMore((shown) => !shown)}>
            <SlidersHorizontal aria-hidden /> More
          </Button>
          {howMany(filter) ? (
            <Button onClick={() => onChange({ ...NO_FILTER, sort: filter.sort })}>Clear</Button>
          ) : null}
          {children}
        </div>
      </div>
      {more ? <RareFields filter={filter} set={set} /> : null}
    </search>
  );
}

interface RareFieldsProps {
  filter: Filter;
  set(part: Partial<Filter>): void;
}

function RareFields({ filter, set }: RareFieldsProps) {
  return (
    <div className={styles.fields}>
      <Field
        label="To"
        type="date"
        value={filter.to ?? ""}
        onChange={({ target }) => set({ to: orNull(target.value) })}
      />
      <SelectField
        label="Direction"
        value={filter.direction ?? ""}
        onChange={({ target }) => set({ direction: orNull(target.value) as Filter["direction"] })}
      >
        <option value="">Any</option>
        <option value="inbound">Inbound</option>
        <option value="outbound">Outbound</option>
      </SelectField>
      <Field
        label="Seconds, at least"
        type="number"
        min={0}
        value={filter.longer ?? ""}
        onChange={({ target }) => set({ longer: seconds(target.value) })}
      />
      <Field
        label="Seconds, at most"
        type="number"
        min={0}
        value={filter.shorter ?? ""}
        onChange={({ target }) => set({ shorter: seconds(target.value) })}
      />
      <SelectField
        label="Why it ended"
        value={filter.cause ?? ""}
        onChange={({ target }) => set({ cause: orNull(target.value) as Filter["cause"] })}
      >
        <option value="">Any reason</option>
        {options(CAUSES)}
      </SelectField>
      <SelectField
        label="Order"
        value={filter.sort}
        onChange={({ target }) => set({ sort: target.value as Filter["sort"] })}
      >
        <option value="started">Newest first</option>
        <option value="ended">Last ended first</option>
      </SelectField>
      <label className={styles.check}>
        <input
          type="checkbox"
          checked={filter.interrupted}
          onChange={({ target }) => set(interrupted(filter, target.checked))}
        />
        Interrupted
      </label>
    </div>
  );
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

function seconds(text: string): number | null {
  return text === "" ? null : Math.max(0, Math.floor(Number(text)));
}

function interrupted(filter: Filter, checked: boolean): Partial<Filter> {
  const from = filter.from ?? dayBefore(clock.now(), INTERRUPTED_DAYS, zone());
  return checked ? { interrupted: true, from } : { interrupted: false };
}

function options(table: Readonly<Record<string, string>>) {
  return Object.entries(table).map(([name, label]) => (
    <option key={name} value={name}>
      {label.replace(/^./u, (letter) => letter.toUpperCase())}
    </option>
  ));
}

interface NumberFieldProps {
  number: string;
  first: RefObject<HTMLInputElement | null>;
  onChange(number: string): void;
}

/** A number is looked for when one has stopped typing. */
function NumberField({ number, first, onChange }: NumberFieldProps) {
  const [typed, setTyped] = useState(number);
  useEffect(() => setTyped(number), [number]);
  useEffect(() => {
    if (typed.trim() === number) return;
    const timer = setTimeout(() => onChange(typed.trim()), WAIT_MS);
    return () => clearTimeout(timer);
  }, [typed, number, onChange]);
  return (
    <Field
      ref={first}
      label="Number"
      placeholder="All, or a part of it"
      type="search"
      autoComplete="off"
      value={typed}
      onChange={({ target }) => setTyped(target.value)}
    />
  );
}

interface AgentFieldProps {
  agent: string | null;
  onChange(agent: string | null): void;
}

function AgentField({ agent, onChange }: AgentFieldProps) {
  const environment = useEnvironment();
  const { data } = useQuery({
    queryKey: [environment, "agents"],
    queryFn: ({ signal }) => agentNames(environment, signal),
  });
  const names = [...(data ?? [])].sort(([, one], [, other]) => one.localeCompare(other));
  return (
    <SelectField
      label="Agent"
      value={agent ?? ""}
      onChange={({ target }) => onChange(target.value || null)}
    >
      <option value="">Any</option>
      <option value="none">No agent</option>
      {agent && agent !== "none" && !data?.has(agent) ? (
        <option value={agent}>{agent}</option>
      ) : null}
      {names.map(([id, name]) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </SelectField>
  );
}
