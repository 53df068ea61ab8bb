import uPlot from "uplot";
import type { Column, Point } from "../live.ts";

const HEIGHT = 180;
/** Of a time along the bottom, such as 12:30:05. */
const LABEL_WIDTH = 50;

interface Line {
  readonly column: Exclude<Column, "at">;
  readonly label: string;
  /** Name of a colour in page.css. */
  readonly colour: string;
  /** Not by colour alone. */
  readonly dash?: number[];
  /** Its own axis on the right, in milliseconds. */
  readonly isTime?: true;
}

const CHARTS: Readonly<Record<string, readonly Line[]>> = {
  connections: [
    { column: "application", label: "application", colour: "--chart-1" },
    { column: "pgbouncer", label: "PgBouncer", colour: "--chart-2", dash: [6, 3] },
    { column: "postgres", label: "Postgres", colour: "--chart-3", dash: [2, 3] },
  ],
  waiting: [{ column: "waiting", label: "waiting", colour: "--chart-1" }],
  queries: [
    { column: "queriesPerSecond", label: "queries/s", colour: "--chart-1" },
    { column: "queryMs", label: "mean ms", colour: "--chart-2", dash: [6, 3], isTime: true },
  ],
};

const drawn = new Map<HTMLElement, uPlot>();

/** Draws `points` in all charts of the page; `anew` also takes colours anew. */
export function drawCharts(points: readonly Point[], anew = false): void {
  if (points.length < 2) return; // one makes no line, and uPlot would draw a whole day for it
  for (const figure of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const place = figure.querySelector<HTMLElement>("[role=img]");
    const lines = CHARTS[figure.dataset.chart ?? ""];
    if (place === null || lines === undefined) continue;
    figure.hidden = false;
    if (anew) {
      drawn.get(place)?.destroy();
      drawn.delete(place);
    }
    const chart = drawn.get(place) ?? open(place, lines);
    const columns = lines.map(({ column }) => points.map((point) => point[column]));
    chart.setData([points.map(({ at }) => at), ...columns]);
  }
}

function open(place: HTMLElement, lines: readonly Line[]): uPlot {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 } };
  const hasTime = lines.some(({ isTime }) => isTime);
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      cursor: { show: false },
      legend: { live: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      padding: [null, LABEL_WIDTH / 2, null, null],
      scales: { y: { range: fromZero }, ms: { range: fromZero } },
      axes: [
        { ...axis, space: LABEL_WIDTH + 20, values: (_chart, times) => times.map(timeOf) },
        axis,
        ...(hasTime ? [{ ...axis, scale: "ms", side: 1, grid: { show: false } }] : []),
      ],
      series: [
        {},
        ...lines.map(({ label, colour: name, dash, isTime }) => ({
          label,
          stroke: colour(name),
          width: 2,
          ...(dash === undefined ? {} : { dash }),
          ...(isTime ? { scale: "ms" } : {}),
        })),
      ],
    },
    [[]],
    place,
  );
  drawn.set(place, chart);
  if (!watched.has(place)) {
    watched.add(place);
    new ResizeObserver(() => drawn.get(place)?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(
      place,
    );
  }
  return chart;
}
const watched = new WeakSet<HTMLElement>();

/** As everywhere on the page: UTC, 24 hours. */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

/** A line along the bottom is nothing, not the smallest value; at least one unit high, so that zero is not a scale. */
function fromZero(_chart: uPlot, _least: number, most: number | null): uPlot.Range.MinMax {
  return [0, Math.max(most ?? 0, 1)];
}
