import styles from "./Brand.module.css";

/** The mark and the name: a plug with tip, ring and sleeve. */
export function Brand() {
  return (
    <span className={styles.brand}>
      <svg width="40" height="22" viewBox="0 0 40 22" aria-hidden="true">
        <path
          className={styles.tip}
          d="M2 11c0-1.5 1-2.7 2.6-3.5l3.2-1.7c1.8-.9 3.7.3 3.7 2.2v6c0 1.9-1.9 3.1-3.7 2.2l-3.2-1.7C3 13.7 2 12.5 2 11z"
        />
        <rect className={styles.ring} x="13.5" y="6" width="6" height="10" rx="1.5" />
        <path
          className={styles.sleeve}
          d="M21.5 7.5c0-.8.7-1.5 1.5-1.5h3l2-2h9a1.5 1.5 0 0 1 1.5 1.5v11a1.5 1.5 0 0 1-1.5 1.5h-9l-2-2h-3c-.8 0-1.5-.7-1.5-1.5z"
        />
      </svg>
      Ringline
    </span>
  );
}
