import { type ReactNode, useState } from "react";
import { Button } from "../parts/Button";
import { Field } from "../parts/Field";
import styles from "./Card.module.css";

interface PasswordFieldProps {
  label: string;
  name?: string;
  note?: ReactNode;
  error?: string | undefined;
  autoComplete: "current-password" | "new-password";
}

/** A password, hidden until one asks to see it. */
export function PasswordField({ label, name = "password", ...rest }: PasswordFieldProps) {
  const [shown, setShown] = useState(false);
  return (
    <div className={styles.password}>
      <Field label={label} name={name} type={shown ? "text" : "password"} required {...rest} />
      <Button low aria-pressed={shown} onClick={() => setShown(!shown)}>
        Show<span className="visually-hidden"> {label.toLowerCase()}</span>
      </Button>
    </div>
  );
}

/** What a new password must be; the server checks it too. */
export const LEAST_PASSWORD = 12;

/** Read a text of a form. */
export function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
