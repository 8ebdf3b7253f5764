// Profile: my name, my password, where I am signed in, and how the console looks and listens.

import { usePageTitle } from "../../parts/title";
import { Appearance } from "./Appearance";
import { Devices } from "./Devices";
import { NameForm } from "./NameForm";
import { PasswordSection } from "./PasswordSection";
import styles from "./Profile.module.css";

export default function Profile() {
  usePageTitle("Profile");
  return (
    <div className={styles.profile}>
      <NameForm />
      <PasswordSection />
      <Devices />
      <Appearance />
    </div>
  );
}
