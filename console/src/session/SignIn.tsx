// The page at `/console/sign-in`: by the server's one-time link, or with a password.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLocation, useSearch } from "wouter";
import { Banner } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { backFrom } from "./back";
import { Card } from "./Card";
import styles from "./Card.module.css";
import { useEntrance } from "./entrance";
import { useFragment } from "./fragment";
import { PasswordForm } from "./PasswordForm";
import { hello, signInByLink } from "./requests";
import { onNews } from "./tabs";

const SPENT = "This link was used already, or it is older than 15 minutes. Make a new one.";

export function SignIn() {
  const back = backFrom(useSearch());
  const [, navigate] = useLocation();
  const token = useFragment();
  const link = useEntrance(signInByLink, { back, spent: SPENT });
  const offer = useQuery({ queryKey: ["hello"], queryFn: ({ signal }) => hello(signal) });
  const followed = useRef<string | null>(null);
  const { enter } = link;
  useEffect(() => {
    if (token === null || followed.current === token) return;
    followed.current = token; // it can be followed once
    enter(token);
  }, [token, enter]);
  useEffect(
    () => onNews((news) => news === "signed-in" && navigate(back, { replace: true })),
    [back, navigate],
  );
  return (
    <Card title="Sign in">
      {offer.data?.insecure ? (
        <Banner>This page came over plain http: others on the way can read what is sent.</Banner>
      ) : null}
      {link.problem ? <Banner failed>{link.problem}</Banner> : null}
      {offer.isError ? (
        <Failed
          what="The ways to sign in could not be read."
          error={offer.error}
          onRetry={offer.refetch}
        />
      ) : null}
      {link.busy ? <p role="status">Signing in…</p> : null}
      {offer.data?.signIn.includes("password") ? <PasswordForm back={back} /> : null}
      <p className="quiet">
        {offer.data?.signIn.includes("password") ? "Locked out?" : "A link signs you in."} On the
        server:
        <code className={styles.command}>ringline console --email you@example.com</code>
      </p>
    </Card>
  );
}
