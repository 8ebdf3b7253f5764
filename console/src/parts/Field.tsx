// A labelled field: its note, and what is wrong with it, are read out with it.

import { type ComponentProps, type ReactNode, useId } from "react";
import styles from "./Field.module.css";

interface Around {
  label: string;
  note?: ReactNode;
  error?: string | undefined;
}

export function Field({ label, note, error, ...rest }: Around & ComponentProps<"input">) {
  return (
    <Labelled label={label} note={note} error={error}>
      {(wired) => <input className={styles.input} {...wired} {...rest} />}
    </Labelled>
  );
}

export function SelectField({ label, note, error, ...rest }: Around & ComponentProps<"select">) {
  return (
    <Labelled label={label} note={note} error={error}>
      {(wired) => <select className={styles.input} {...wired} {...rest} />}
    </Labelled>
  );
}

interface Wired {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

function Labelled(props: Around & { children(wired: Wired): ReactNode }) {
  const id = useId();
  const [note, error] = [`${id}-note`, `${id}-error`];
  const described = [props.note ? note : "", props.error ? error : ""].filter(Boolean).join(" ");
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {props.label}
      </label>
      {props.children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": props.error ? true : undefined,
      })}
      {props.note ? (
        <span id={note} className={styles.note}>
          {props.note}
        </span>
      ) : null}
      {props.error ? (
        <span id={error} className={styles.error}>
          {props.error}
        </span>
      ) : null}
    </div>
  );
}
