// The page at `/console/join#inv_…`: somebody was invited, and chooses name and password.

import { type FormEvent, useState } from "react";
import { Button } from "../parts/Button";
import { Banner } from "../parts/Empty";
import { Field } from "../parts/Field";
import { Card } from "./Card";
import styles from "./Card.module.css";
import { useEntrance } from "./entrance";
import { useFragment } from "./fragment";
import { LEAST_PASSWORD, PasswordField, text } from "./PasswordField";
import { acceptInvitation } from "./requests";

const SPENT = "This invitation was accepted already, or it has expired. Ask for a new one.";

export function Join() {
  const token = useFragment();
  const { enter, busy, problem } = useEntrance(acceptInvitation, { back: "/", spent: SPENT });
  const [short, setShort] = useState(false);
  if (token === null) {
    return (
      <Card title="Join a workspace">
        <p>Open the link of your invitation again: it leads here, and names you.</p>
      </Card>
    );
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = text(form, "password");
    setShort(password.length < LEAST_PASSWORD);
    if (password.length >= LEAST_PASSWORD) enter({ token, name: text(form, "name"), password });
  };
  return (
    <Card title="Join a workspace">
      <form className={styles.form} onSubmit={submit}>
        {problem ? <Banner failed>{problem}</Banner> : null}
        <Field label="Name" name="name" autoComplete="name" required />
        <PasswordField
          label="Password"
          autoComplete="new-password"
          note={`${LEAST_PASSWORD} characters or more; a passphrase is best`}
          error={short ? `It has fewer than ${LEAST_PASSWORD} characters.` : undefined}
        />
        <Button type="submit" look="main" disabled={busy}>
          {busy ? "Joining…" : "Join"}
        </Button>
      </form>
    </Card>
  );
}
