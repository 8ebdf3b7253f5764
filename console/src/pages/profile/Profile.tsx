// Profile: my name, my password, where I am signed in, and how the console looks and listens.

import { useQuery } from "@tanstack/react-query";
import { usePageTitle } from "../../parts/title";
import { hello } from "../../session/requests";
import { Appearance } from "./Appearance";
import { Devices } from "./Devices";
import { NameForm } from "./NameForm";
import { PasswordSection } from "./PasswordSection";
import styles from "./Profile.module.css";

export default function Profile() {
  usePageTitle("Profile");
  const offer = useQuery({ queryKey: ["hello"], queryFn: ({ signal }) => hello(signal) });
  return (
    <div className={styles.profile}>
      <NameForm />
      {offer.data?.signIn.includes("password") ? <PasswordSection /> : null}
      <Devices />
      <Appearance />
    </div>
  );
}
