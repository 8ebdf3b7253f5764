// What stands where rows would: why there are none, rows to come, or a banner above them.

import type { ReactNode } from "react";
import styles from "./Empty.module.css";

interface EmptyProps {
  title: string;
  /** Why nothing is here. */
  children?: ReactNode;
  /** The one button that changes it. */
  action?: ReactNode;
}

export function Empty({ title, children, action }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <p className={styles.title}>{title}</p>
      {children ? <p className={styles.text}>{children}</p> : null}
      {action}
    </div>
  );
}

/** Rows to come, in the shape of the page's own; shown after 150 ms of waiting. */
export function Skeleton({ rows, height }: { rows: number; height: number }) {
  return (
    <div className={styles.skeleton} aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <span key={row} style={{ blockSize: height }}>
          <i />
          <i />
        </span>
      ))}
    </div>
  );
}

/** A sentence across the page; red where something failed. */
export function Banner({ failed, children }: { failed?: boolean; children: ReactNode }) {
  return (
    <div
      role={failed ? "alert" : "status"}
      className={failed ? `${styles.banner} ${styles.lamp}` : styles.banner}
    >
      {children}
    </div>
  );
}
