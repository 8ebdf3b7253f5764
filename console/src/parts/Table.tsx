// A long table of which only the rows in view are in the page. One row is in the tab order and
// arrows move; it reads as one table however few of its rows are drawn.

import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type MouseEvent,
  type ReactNode,
  type RefObject,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useShortcut } from "../keys/listener";
import { type Move, moved, withCurrent } from "./rows";
import styles from "./Table.module.css";

/** Where a cell stands on a phone, on which a row is a card. */
type Place = "lead" | "side" | "corner" | "below" | "hidden";

export interface Column<Row> {
  title: string;
  /** Its title is for those who hear it alone. */
  untitled?: boolean;
  /** Its track of the grid: `196px`, `minmax(0, 1fr)`. */
  width: string;
  end?: boolean;
  phone: Place;
  /**
   * Draw the cell. A part with the id `${id}-name` names the row, see `namedBy`; what can have the
   * focus takes the `tabIndex`, so that only the current row's is in the tab order.
   */
  cell(row: Row, at: { id: string; tabIndex: 0 | -1 }): ReactNode;
}

interface TableProps<Row> {
  /** Its accessible name. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey(row: Row): string;
  /** The parts of a row that name it: `caller` is the element with the id `${id}-caller`. */
  namedBy: readonly string[];
  /** The height of a row that is not unfolded, in pixels. */
  height: number;
  /** Whether there are more rows than these, so that their number is not known. */
  more?: boolean;
  onOpen(row: Row): void;
  onUnfold?(row: Row): void;
  /** Whether a row has just come about: it fades in. */
  fresh?(row: Row): boolean;
  /** What is shown below the cells of a row that is unfolded. */
  unfolded?(row: Row): ReactNode;
  /** The row one was on before, by its key: it has the focus at the beginning. */
  startAt?: string | undefined;
  onCurrent?(key: string): void;
  /** Called when the end comes into view. */
  onEnd?: (() => void) | undefined;
}

export function Table<Row>(props: TableProps<Row>) {
  const { columns, rows, rowKey, height } = props;
  const walk = useWalk(props);
  const { body, virtual, current } = walk;
  const grid = {
    "--columns": columns.map(({ width }) => width).join(" "),
    "--height": `${height}px`,
  } as CSSProperties;
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows are placed freely, and a <table> has them not
    <div
      role="table"
      aria-label={props.label}
      aria-rowcount={props.more ? -1 : rows.length + 1}
      className={styles.table}
      style={grid}
    >
      <Heads columns={columns} />
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div
        ref={body}
        role="rowgroup"
        className={styles.body}
        style={{ blockSize: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <DrawnRow
              key={rowKey(row)}
              table={props}
              row={row}
              index={index}
              top={start - virtual.options.scrollMargin}
              measure={virtual.measureElement}
              tabbable={index === Math.max(current, 0)}
              onFocus={() => walk.stand(index)}
            />
          );
        })}
      </div>
    </div>
  );
}

function Heads<Row>({ columns }: { columns: readonly Column<Row>[] }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    <div role="rowgroup">
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: heads do nothing */}
      <div role="row" aria-rowindex={1} className={styles.heads}>
        {columns.map(({ title, untitled, end }) => (
          // biome-ignore lint/a11y/useSemanticElements: as above
          // biome-ignore lint/a11y/useFocusableInteractive: as above
          <div key={title} role="columnheader" className={end ? styles.end : undefined}>
            <span className={untitled ? "visually-hidden" : undefined}>{title}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

interface DrawnRowProps<Row> {
  table: TableProps<Row>;
  row: Row;
  index: number;
  top: number;
  measure(element: HTMLElement | null): void;
  tabbable: boolean;
  onFocus(): void;
}

function DrawnRow<Row>({ table, row, index, top, measure, tabbable, onFocus }: DrawnRowProps<Row>) {
  const id = useId();
  const below = table.unfolded?.(row);
  const [fresh] = useState(() => table.fresh?.(row) ?? false);
  const look = [styles.row, below ? styles.open : "", fresh ? styles.fresh : ""];
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter and Space are in the table of shortcuts
    <div
      role="row"
      ref={measure}
      data-index={index}
      aria-rowindex={index + 2}
      aria-labelledby={table.namedBy.map((part) => `${id}-${part}`).join(" ")}
      tabIndex={tabbable ? 0 : -1}
      className={look.filter(Boolean).join(" ")}
      style={{ transform: `translateY(${top}px)` }}
      onFocus={onFocus}
      onClick={(event) => {
        if (ownClick(event)) (table.onUnfold ?? table.onOpen)(row);
      }}
    >
      <div className={styles.cells} role="presentation">
        {table.columns.map(({ title, end, phone, cell }) => (
          // biome-ignore lint/a11y/useSemanticElements: as above
          <div
            key={title}
            role="cell"
            data-phone={phone}
            className={end ? `${styles.cell} ${styles.end}` : styles.cell}
          >
            {cell(row, { id, tabIndex: tabbable ? 0 : -1 })}
          </div>
        ))}
      </div>
      {below ? (
        // biome-ignore lint/a11y/useSemanticElements: as above
        <div role="cell" aria-colspan={table.columns.length}>
          {below}
        </div>
      ) : null}
    </div>
  );
}

/** Whether a click was meant for the row: not for what is in it, nor to mark text. */
function ownClick(event: MouseEvent<HTMLElement>): boolean {
  const { target } = event;
  if (target instanceof Element && target.closest("a, button, input")) return false;
  return !getSelection()?.toString();
}

/** Know the row that the keyboard is on, and move it. */
function useWalk<Row>(table: TableProps<Row>) {
  const { rows, rowKey, height, startAt, onCurrent, onEnd } = table;
  const body = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(startAt);
  const focusNext = useRef(startAt !== undefined);
  const current = at === undefined ? -1 : rows.findIndex((row) => rowKey(row) === at);
  const scroller = () => body.current?.closest<HTMLElement>("main") ?? null;
  const margin = useMargin(body);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: scroller,
    estimateSize: () => height,
    getItemKey: (index) => rowKey(rows[index] as Row),
    scrollMargin: margin,
    overscan: 4,
    rangeExtractor: (range) => withCurrent(defaultRangeExtractor(range), current, rows.length),
  });

  useLayoutEffect(() => {
    if (!focusNext.current || current < 0) return;
    virtual.scrollToIndex(current, { align: "auto" });
    const row = body.current?.querySelector<HTMLElement>(`[data-index="${current}"]`);
    if (!row) return;
    focusNext.current = false;
    row.focus({ preventScroll: true });
  });

  // A new page gives its heading the focus; the row one comes back to has it after that.
  useEffect(() => {
    if (startAt === undefined) return;
    const frame = requestAnimationFrame(() => {
      body.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [startAt]);

  const last = virtual.getVirtualItems().at(-1)?.index ?? -1;
  useLayoutEffect(() => {
    if (rows.length && last >= rows.length - 1) onEnd?.();
  }, [rows.length, last, onEnd]);

  const stand = (index: number) => {
    const row = rows[index];
    if (row === undefined) return;
    setAt(rowKey(row));
    onCurrent?.(rowKey(row));
  };
  const move = (how: Move) => {
    focusNext.current = true;
    stand(moved(how, current, rows.length));
  };
  const row = rows[current];
  useShortcut("next", () => move("next"));
  useShortcut("previous", () => move("previous"));
  useShortcut("first", () => move("first"));
  useShortcut("last", () => move("last"));
  useShortcut("open", row === undefined ? null : () => table.onOpen(row));
  useShortcut("unfold", row === undefined ? null : () => table.onUnfold?.(row));
  return { body, virtual, current, stand };
}

/** How far below the top of what scrolls the rows begin. */
function useMargin(body: RefObject<HTMLElement | null>): number {
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    const main = body.current?.closest("main");
    if (!main || !body.current) return;
    const { top } = body.current.getBoundingClientRect();
    setMargin(Math.round(top - main.getBoundingClientRect().top + main.scrollTop));
  });
  return margin;
}
