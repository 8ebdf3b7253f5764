import { Dialog } from "../parts/Dialog";
import styles from "./Keys.module.css";
import { useLetterKeys } from "./listener";
import { keycap, SHORTCUTS, type Where } from "./shortcuts";

const PLACES: readonly Where[] = ["everywhere", "in a table", "on the board", "on a call"];

/** What `?` shows: every key, and what it does. */
export function KeyTable({ open, onClose }: { open: boolean; onClose(): void }) {
  const letters = useLetterKeys();
  return (
    <Dialog open={open} onClose={onClose} title="Keys" wide>
      {letters ? null : (
        <p className="quiet">Keys without Ctrl or ⌘ are switched off in your profile.</p>
      )}
      <div className={styles.list}>
        {PLACES.map((place) => (
          <section key={place}>
            <h3>{place.replace(/^./u, (first) => first.toUpperCase())}</h3>
            <dl>
              {SHORTCUTS.filter(({ where }) => where === place).map(({ name, keys, does }) => (
                <div key={name}>
                  <dt>{does}</dt>
                  <dd>
                    {keys.map((key) => (
                      <kbd key={key}>{keycap(key, { mac: isMac() })}</kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

export function isMac(): boolean {
  return /Mac|iPhone|iPad/u.test(navigator.userAgent);
}
