import type { FormEvent } from "react";
import { Button } from "../../parts/Button";
import { Field } from "../../parts/Field";
import { sentence } from "../../parts/format";
import { text } from "../../session/PasswordField";
import { rename } from "../../session/requests";
import { useSession } from "../../session/session";
import styles from "./Profile.module.css";
import { useChange } from "./useChange";

export function NameForm() {
  const { me } = useSession();
  const change = useChange(rename, "Your name was changed");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    change.mutate(text(new FormData(event.currentTarget), "name"));
  };
  return (
    <form className={styles.section} onSubmit={submit}>
      <h2>Name</h2>
      <p className="quiet">
        {me.user.email}, {me.role} of {me.workspace.name}
      </p>
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        defaultValue={me.user.fullName ?? ""}
        error={change.error ? sentence(change.error.message) : undefined}
      />
      <div className={styles.buttons}>
        <Button type="submit" look="main" disabled={change.isPending}>
          Save name
        </Button>
      </div>
    </form>
  );
}
