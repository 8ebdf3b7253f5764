import type { FormEvent } from "react";
import { useState } from "react";
import { Button } from "../../parts/Button";
import { Banner } from "../../parts/Empty";
import { sentence } from "../../parts/format";
import { LEAST_PASSWORD, PasswordField, text } from "../../session/PasswordField";
import { changePassword } from "../../session/requests";
import { useSession } from "../../session/session";
import styles from "./Profile.module.css";
import { useChange } from "./useChange";

/** A new password ends one's sign-ins on other devices. */
export function PasswordSection() {
  const { hasPassword, email } = useSession().me.user;
  const change = useChange(changePassword, "Your password was changed");
  const [short, setShort] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const target = event.currentTarget;
    const form = new FormData(target);
    const given = { old: hasPassword ? text(form, "old") : null, new: text(form, "new") };
    setShort(given.new.length < LEAST_PASSWORD);
    if (given.new.length < LEAST_PASSWORD) return;
    change.mutate(given, { onSuccess: () => target.reset() });
  };
  return (
    <form className={styles.section} onSubmit={submit}>
      <h2>Password</h2>
      <input type="hidden" name="username" autoComplete="username" value={email} />
      {change.error ? <Banner failed>{sentence(change.error.message)}</Banner> : null}
      {hasPassword ? (
        <PasswordField label="Old password" name="old" autoComplete="current-password" />
      ) : null}
      <PasswordField
        label="New password"
        name="new"
        autoComplete="new-password"
        note={`${LEAST_PASSWORD} characters or more; a passphrase is best`}
        error={short ? `It has fewer than ${LEAST_PASSWORD} characters.` : undefined}
      />
      <p className="quiet">A new password signs you out on your other devices.</p>
      <div className={styles.buttons}>
        <Button type="submit" disabled={change.isPending}>
          {hasPassword ? "Change password" : "Set password"}
        </Button>
      </div>
    </form>
  );
}
