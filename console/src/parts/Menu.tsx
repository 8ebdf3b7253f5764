import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import styles from "./Menu.module.css";

interface Choice {
  label: string;
  icon?: ReactNode;
  onChoose(): void;
}

/** A button that opens a list of things to do. */
export function Menu({ button, choices }: { button: ReactElement; choices: readonly Choice[] }) {
  return (
    <Base.Root>
      <Base.Trigger render={button} />
      <Base.Portal>
        <Base.Positioner className={styles.place} sideOffset={6}>
          <Base.Popup className={styles.popup}>
            {choices.map(({ label, icon, onChoose }) => (
              <Base.Item key={label} className={styles.item} onClick={onChoose}>
                {icon}
                {label}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
