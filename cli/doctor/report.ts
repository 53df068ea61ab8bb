import { styleText } from "node:util";
import type { Finding } from "./findings.ts";
import { looksOf, type Observation } from "./look.ts";
import { count, oneLine } from "./text.ts";

/** How full each layer is, as far as it was seen. Figures that were not seen are left out, never invented. */
interface Figures {
  readonly pgbouncer?: {
    readonly version: string;
    readonly clients: number;
    readonly maxClients: number;
    readonly waiting: number;
    readonly servers: number;
  };
  readonly postgres?: {
    readonly version: string;
    readonly sessions: number;
    readonly maxConnections: number;
    readonly byState: Readonly<Record<string, number>>;
  };
  readonly disk?: { readonly usedBytes: number; readonly availableBytes: number };
  readonly firstAnswerMilliseconds?: number;
}

/** One JSON object in one line. */
export function jsonReport(stack: string, findings: readonly Finding[], seen: Observation): string {
  const status = statusOf(findings);
  const looks = looksOf(seen).map(([name, looked]) => {
    if (looked === null) return { name, ok: false, failure: "no address in the state" };
    const { ok, milliseconds } = looked;
    return { name, ok, milliseconds, ...(!looked.ok && { failure: looked.failure }) };
  });
  return `${JSON.stringify({ stack, status, findings, figures: figuresOf(seen), looks })}\n`;
}

/** One block per finding, then the figures and what could not be seen. Colours only on a terminal that wants them. */
export function textReport(stack: string, findings: readonly Finding[], seen: Observation): string {
  const failures = findings.filter(({ severity }) => severity === "fail").length;
  const warnings = findings.length - failures;
  const verdict =
    findings.length === 0
      ? "nothing is wrong"
      : `${count(failures, "failure", "failures")}, ${count(warnings, "warning", "warnings")}`;
  const blocks = [
    `stack ${stack}: ${verdict}`,
    ...findings.map(block),
    figureLines(figuresOf(seen)),
    unseen(seen),
  ];
  return `${blocks.filter((text) => text !== "").join("\n\n")}\n`;
}

function block({ severity, cause, evidence, advice, command }: Finding): string {
  const colour = severity === "fail" ? "red" : "yellow";
  const title = styleText([colour, "bold"], `${severity.toUpperCase()}  ${cause}`, {
    stream: process.stdout,
  });
  const rows = evidence.map((text, index) => `  ${index === 0 ? "seen" : "    "}  ${text}`);
  return [title, ...rows, `  do    ${advice}`, `  run   ${command}`].join("\n");
}

function statusOf(findings: readonly Finding[]): "pass" | "warn" | "fail" {
  return findings.some(({ severity }) => severity === "fail")
    ? "fail"
    : findings.length > 0
      ? "warn"
      : "pass";
}

function figuresOf({ console, postgres, disk, path }: Observation): Figures {
  const sessions = postgres?.ok ? postgres.seen.sessions : [];
  return {
    ...(console?.ok && {
      pgbouncer: {
        version: console.seen.version,
        clients: console.seen.lists.used_clients ?? 0,
        maxClients: Number(console.seen.config.get("max_client_conn")?.value),
        waiting: console.seen.pools.reduce((sum, { cl_waiting }) => sum + cl_waiting, 0),
        servers: console.seen.lists.used_servers ?? 0,
      },
    }),
    ...(postgres?.ok && {
      postgres: {
        version: postgres.seen.version,
        sessions: sessions.length,
        maxConnections: postgres.seen.maxConnections,
        byState: Object.fromEntries(
          [...Map.groupBy(sessions, ({ state }) => state ?? "unknown")].map(([state, { length }]) => [
            state,
            length,
          ]),
        ),
      },
    }),
    ...(disk.ok && { disk: disk.seen }),
    ...(path?.ok && { firstAnswerMilliseconds: path.seen.firstAnswerMilliseconds }),
  };
}

function figureLines({ pgbouncer, postgres, disk, firstAnswerMilliseconds }: Figures): string {
  const lines: string[] = [];
  if (firstAnswerMilliseconds !== undefined) {
    lines.push(`connection  first answer through PgBouncer after ${firstAnswerMilliseconds} ms`);
  }
  if (pgbouncer !== undefined) {
    const { version, clients, maxClients, waiting, servers } = pgbouncer;
    lines.push(
      `pgbouncer   ${version}, ${clients} of ${maxClients} clients, ${waiting} waiting, ${servers} servers`,
    );
  }
  if (postgres !== undefined) {
    const states = Object.entries(postgres.byState).map(([state, number]) => `${number} ${state}`);
    lines.push(
      `postgres    ${postgres.version}, ${postgres.sessions} of ${postgres.maxConnections} connections${states.length === 0 ? "" : ` (${states.join(", ")})`}`,
    );
  }
  if (disk !== undefined) {
    const { usedBytes, availableBytes } = disk;
    const share = Math.floor((100 * usedBytes) / Math.max(1, usedBytes + availableBytes));
    lines.push(`disk        ${share} % full, ${(availableBytes / 1e9).toFixed(1)} GB free`);
  }
  return lines.join("\n");
}

function unseen(seen: Observation): string {
  const failed = looksOf(seen).flatMap(([name, looked]) =>
    looked !== null && !looked.ok ? [`  ${name}: ${oneLine(looked.message)}`] : [],
  );
  return failed.length === 0 ? "" : ["not seen", ...failed].join("\n");
}
