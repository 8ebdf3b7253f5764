import type { ReactNode } from "react";
import { Button } from "./Button";
import { counted } from "./format";
import styles from "./Panel.module.css";

/** What stands in a table's place: an empty state, or a skeleton. */
export function Panel({ children }: { children: ReactNode }) {
  return <div className={styles.panel}>{children}</div>;
}

/** New calls that wait above a table, until the reader wants them. */
export function NewCalls({ number, onShow }: { number: number; onShow(): void }) {
  if (!number) return null;
  return (
    <Button className={styles.pill} look="main" low onClick={onShow}>
      {counted(number, "new call")} ↑
    </Button>
  );
}
