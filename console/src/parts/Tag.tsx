import type { ReactNode } from "react";
import styles from "./Tag.module.css";

export type Tone = "plain" | "brass" | "lamp" | "sleeve";

/** A word about what it stands beside: `silent for 14 s`. */
export function Tag({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  const own = tone === "plain" ? "" : ` ${styles[tone]}`;
  return <span className={`${styles.tag}${own}`}>{children}</span>;
}

export type Party = "caller" | "agent" | "person" | "nobody";

/** Who speaks, as a shape: circle, diamond, square; a ring while there is nobody. */
export function Who({ party }: { party: Party }) {
  return <span aria-hidden="true" className={`${styles.who} ${styles[party]}`} />;
}
