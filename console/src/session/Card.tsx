import { type ReactNode, useEffect } from "react";
import { Brand } from "../parts/Brand";
import styles from "./Card.module.css";

/** A page before one is signed in: the mark, one heading, one thing to do. */
export function Card({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Ringline`;
  }, [title]);
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Brand />
        <h1 className={styles.title}>{title}</h1>
        {children}
      </div>
    </main>
  );
}
