import type { HealthBody } from "../health/health-body.ts";
import { htmlDocument, PAGE_PATH } from "./document.ts";
import { type Html, html } from "./html.ts";
import type { LookMessage, Point } from "./live.ts";
import { type PartName, partsOf, titleOf } from "./parts.ts";

/** Charts that the script draws; the table of the same figures stands below them. */
const CHARTS = [
  { name: "connections", title: "Connections in use" },
  { name: "waiting", title: "Work that waits for a connection" },
  { name: "queries", title: "Queries a second and their mean time" },
] as const;

/** The page with everything in it; without JavaScript it stays as it is until it is loaded again. */
export function databasePage(body: HealthBody, points: readonly Point[], time: string): string {
  const parts = partsOf(body, points);
  const { stack, preset } = body.configuration;
  const live = (name: PartName, classes = "") =>
    html`<div class="${classes}" data-live="${name}">${parts[name]}</div>`;
  const scrolling = (name: PartName, label: string) =>
    html`<div class="scroll" role="region" aria-label="${label}" tabindex="0" data-live="${name}">${parts[name]}</div>`;
  return htmlDocument({
    title: titleOf(body),
    script: true,
    body: html`<a class="skip" href="#content">Skip to the verdict</a>
<header>
<h1>Database</h1>
<p>stack ${stack}, preset ${preset}, application ${body.version} (${body.releaseId})</p>
<form method="post" action="${PAGE_PATH}/logout"><button>Log out</button></form>
</header>
<main id="content" tabindex="-1" data-status="${body.status}">
${section(
  "Verdict",
  html`<p class="headline" aria-live="polite" data-live="headline">${parts.headline}</p>${live("detail")}
<p class="update">Last update <time data-time datetime="${time}">${time.slice(11, 19)}</time> UTC
<span role="status" data-connection></span>
<noscript>(this page does not update itself without JavaScript)</noscript>
<a href="${PAGE_PATH}">Reload</a></p>`,
)}
${section("Connections", live("bars", "bars"))}
${section("Now", html`<dl data-live="numbers">${parts.numbers}</dl>`)}
${section("Pools", scrolling("pools", "Pools of PgBouncer"))}
${section("Holders", scrolling("holders", "Sessions that hold or wait"))}
${section(
  "Last 15 minutes",
  html`<div class="charts">${CHARTS.map(
    ({ name, title }) => html`<figure hidden data-chart="${name}"><figcaption>${title}</figcaption>
<div role="img" aria-label="${title} over the last 15 minutes; the table below has the figures"></div></figure>`,
  )}</div>
<details><summary>The same as a table</summary>${scrolling("history", "The last 15 minutes as a table")}</details>`,
)}
${section("Settings", scrolling("settings", "Effective settings"))}
</main>`,
  });
}

function section(title: string, content: Html): Html {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}
</section>`;
}

/** What brings an open page up to date. */
export function lookMessage(body: HealthBody, points: readonly Point[], time: string): LookMessage {
  const parts = Object.entries(partsOf(body, points)).map(([name, part]) => [name, part.toString()]);
  return {
    title: titleOf(body),
    time,
    status: body.status,
    parts: Object.fromEntries(parts),
    point: points.at(-1) ?? null,
  };
}
