import { type FormEvent, useState } from "react";
import { Button } from "../parts/Button";
import { Banner } from "../parts/Empty";
import { Field, SelectField } from "../parts/Field";
import styles from "./Card.module.css";
import { useEntrance } from "./entrance";
import { PasswordField, text } from "./PasswordField";
import { ChooseWorkspace, signInByPassword } from "./requests";

/** Email and password; and the workspace, where several know the address. */
export function PasswordForm({ back }: { back: string }) {
  const { enter, busy, problem, error } = useEntrance(signInByPassword, { back });
  const [workspaces, setWorkspaces] = useState<ChooseWorkspace["workspaces"]>([]);
  if (error instanceof ChooseWorkspace && error.workspaces !== workspaces) {
    setWorkspaces(error.workspaces);
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const workspaceId = text(form, "workspace");
    enter({
      email: text(form, "email"),
      password: text(form, "password"),
      ...(workspaceId ? { workspaceId } : {}),
    });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      {problem ? <Banner failed>{problem}</Banner> : null}
      <Field label="Email" name="email" type="email" autoComplete="username" required />
      <PasswordField label="Password" autoComplete="current-password" />
      {workspaces.length ? (
        <SelectField label="Workspace" name="workspace" required>
          {workspaces.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </SelectField>
      ) : null}
      <Button type="submit" look="main" disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
