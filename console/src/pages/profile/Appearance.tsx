import { chooseLetterKeys, useLetterKeys } from "../../keys/listener";
import { Chips } from "../../parts/Button";
import { chooseTheme, THEMES, type Theme, useTheme } from "../../parts/theme";
import styles from "./Profile.module.css";

const LABELS: Readonly<Record<Theme, string>> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
};

/** Of this browser alone: its theme, and whether single keys do anything. */
export function Appearance() {
  const theme = useTheme();
  const letters = useLetterKeys();
  return (
    <section className={styles.section} aria-labelledby="browser">
      <h2 id="browser">In this browser</h2>
      <Chips
        label="Theme"
        choices={THEMES.map((name) => ({ name, label: LABELS[name] }))}
        chosen={theme}
        onChoose={chooseTheme}
      />
      <label className={styles.switch}>
        <input
          type="checkbox"
          checked={letters}
          onChange={(event) => chooseLetterKeys(event.target.checked)}
        />
        <span>
          Keys without Ctrl or ⌘, as <kbd>e</kbd> to end a call. <kbd>?</kbd> lists them; all they
          do works without them too.
        </span>
      </label>
    </section>
  );
}
