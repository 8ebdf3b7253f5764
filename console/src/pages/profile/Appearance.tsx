import { chooseLetterKeys, useLetterKeys } from "../../keys/listener";
import { Chips } from "../../parts/Button";
import { chooseTheme, THEMES, type Theme, useTheme } from "../../parts/theme";
import { chooseZone, useZone, ZONES, type Zone } from "../../parts/zone";
import styles from "./Profile.module.css";

const LABELS: Readonly<Record<Theme, string>> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
};

const ZONE_LABELS: Readonly<Record<Zone, string>> = {
  own: `Here (${Intl.DateTimeFormat().resolvedOptions().timeZone})`,
  utc: "UTC",
};

/** Of this browser alone: its theme, its zone, and whether single keys do anything. */
export function Appearance() {
  const theme = useTheme();
  const zone = useZone();
  const letters = useLetterKeys();
  return (
    <section className={styles.section} aria-labelledby="browser">
      <h2 id="browser">In this browser</h2>
      <div className={styles.choice}>
        <span aria-hidden="true">Theme</span>
        <Chips
          label="Theme"
          choices={THEMES.map((name) => ({ name, label: LABELS[name] }))}
          chosen={theme}
          onChoose={chooseTheme}
        />
      </div>
      <div className={styles.choice}>
        <span aria-hidden="true">Times</span>
        <Chips
          label="Times"
          choices={ZONES.map((name) => ({ name, label: ZONE_LABELS[name] }))}
          chosen={zone}
          onChoose={chooseZone}
        />
      </div>
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
