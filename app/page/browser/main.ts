/** Keeps an open page up to date; everything it shows was made, and escaped, by the server. */
import { type HistoryMessage, type LookMessage, type Point, withPoint } from "../live.ts";
import { drawCharts } from "./charts.ts";

/** The server sends something every two seconds; after this silence the connection counts as lost. */
const SILENCE_MS = 7000;
const RETRY_MS = 3000;

const EVENTS = `${location.pathname}/events`;
let points: readonly Point[] = [];
let silence: number | undefined;

function showConnection(state: "live" | "lost"): void {
  const shown = document.querySelector<HTMLElement>("[data-connection]");
  if (shown === null || shown.dataset.connection === state) return;
  shown.dataset.connection = state;
  shown.textContent = state === "live" ? "· live" : "· connection lost, the figures are old; trying again";
  document.body.toggleAttribute("data-stale", state === "lost");
}

function noteLife(): void {
  showConnection("live");
  clearTimeout(silence);
  silence = setTimeout(() => showConnection("lost"), SILENCE_MS);
}

function show({ title, time, status, parts, point }: LookMessage): void {
  document.title = title;
  document.querySelector("main")?.setAttribute("data-status", status);
  for (const element of document.querySelectorAll<HTMLElement>("[data-live]")) {
    const part = parts[element.dataset.live ?? ""];
    // Compared with what the server sent last, not with what the browser made of it.
    if (part === undefined || shownParts.get(element) === part) continue;
    shownParts.set(element, part);
    element.innerHTML = part;
  }
  const clock = document.querySelector<HTMLTimeElement>("[data-time]");
  if (clock !== null) {
    clock.dateTime = time;
    clock.textContent = time.slice(11, 19);
  }
  // Looks are more frequent than points.
  if (point !== null && point.at !== points.at(-1)?.at) {
    points = withPoint(points, point);
    drawCharts(points);
  }
}
const shownParts = new WeakMap<HTMLElement, string>();

function connect(): void {
  const events = new EventSource(EVENTS);
  events.addEventListener("history", ({ data }: MessageEvent<string>) => {
    noteLife();
    points = JSON.parse(data) as HistoryMessage;
    drawCharts(points);
  });
  events.addEventListener("look", ({ data }: MessageEvent<string>) => {
    noteLife();
    show(JSON.parse(data) as LookMessage);
  });
  events.addEventListener("error", () => {
    showConnection("lost");
    // A cut connection is tried again by the browser itself; a refusal is not.
    if (events.readyState === EventSource.CLOSED) void retry();
  });
}

/** After a refusal: the session has ended (then to the login), or the server is not there for us yet. */
async function retry(): Promise<void> {
  const page = await fetch(location.pathname, { redirect: "manual" }).catch(() => null);
  if (page?.type === "opaqueredirect") location.reload();
  else setTimeout(connect, RETRY_MS);
}

// The colours of the lines are read when they are drawn.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(points, true));
connect();
