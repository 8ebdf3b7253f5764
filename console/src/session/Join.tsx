// The page at `/console/join#inv_…`: somebody was invited, and chooses name and password.

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../data/rpc";
import { Button } from "../parts/Button";
import { Banner } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Field } from "../parts/Field";
import { Card } from "./Card";
import styles from "./Card.module.css";
import { useEntrance } from "./entrance";
import { useFragment } from "./fragment";
import { LEAST_PASSWORD, PasswordField, text } from "./PasswordField";
import { acceptInvitation, type Invitation, readInvitation } from "./requests";

const SPENT = "This invitation was accepted already, or it has expired. Ask for a new one.";

export function Join() {
  const token = useFragment();
  const invitation = useQuery({
    queryKey: ["invitation", token],
    queryFn: ({ signal }) => readInvitation(token ?? "", signal),
    enabled: token !== null,
    staleTime: Number.POSITIVE_INFINITY, // once it is accepted, it is none
  });
  if (token !== null && invitation.data) {
    return <Offer token={token} invitation={invitation.data} />;
  }
  return (
    <Card title="Join a workspace">
      {token === null ? (
        <p>Open the link of your invitation again: it leads here, and names you.</p>
      ) : invitation.isError ? (
        <Refused error={invitation.error} onRetry={invitation.refetch} />
      ) : (
        <p role="status">Reading your invitation…</p>
      )}
    </Card>
  );
}

function Refused({ error, onRetry }: { error: unknown; onRetry(): void }) {
  return error instanceof ApiError && error.type === "link_spent" ? (
    <Banner failed>{SPENT}</Banner>
  ) : (
    <Failed what="The invitation could not be read." error={error} onRetry={onRetry} />
  );
}

function Offer({ token, invitation }: { token: string; invitation: Invitation }) {
  const { workspace, email, role } = invitation;
  const { enter, busy, problem } = useEntrance(acceptInvitation, { back: "/", spent: SPENT });
  const [short, setShort] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = text(form, "password");
    setShort(password.length < LEAST_PASSWORD);
    if (password.length >= LEAST_PASSWORD) enter({ token, name: text(form, "name"), password });
  };
  return (
    <Card title={`Join ${workspace.name}`}>
      <form className={styles.form} onSubmit={submit}>
        {problem ? <Banner failed>{problem}</Banner> : null}
        <Field label="Email" type="email" autoComplete="username" value={email} readOnly />
        <Field label="Name" name="name" autoComplete="name" required />
        <PasswordField
          label="Password"
          autoComplete="new-password"
          note={`${LEAST_PASSWORD} characters or more; a passphrase is best`}
          error={short ? `It has fewer than ${LEAST_PASSWORD} characters.` : undefined}
        />
        <Button type="submit" look="main" disabled={busy}>
          {busy ? "Joining…" : `Join as ${role}`}
        </Button>
      </form>
    </Card>
  );
}
