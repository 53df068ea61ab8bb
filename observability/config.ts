import { stringify } from "yaml";
import { type AlertRule, jobs } from "./rules.ts";

/** `host:port` inside the stack's network. */
export interface Targets {
  /** With the token of its `/metrics`; undefined = the application shows none. */
  readonly app: { readonly address: string; readonly token: string } | undefined;
  readonly pgbouncer: string;
  readonly postgres: string;
}

/** A job of Prometheus beside the kit's own: targets of which the kit knows no more than this. */
export interface ScrapeJob {
  readonly name: string;
  /** `host:port` as Prometheus' container reaches them. */
  readonly targets: readonly string[];
  readonly metricsPath: string;
  readonly scheme: "http" | "https";
  /** Sent with every scrape: what a prober is to look at, what an exporter is to collect. Shown by Prometheus. */
  readonly params: Readonly<Record<string, readonly string[]>>;
}

/** Folder of Prometheus' files in its container, read-only. */
export const filesFolder = "/etc/poolkit";
/** How often Prometheus asks, seconds. Shorter than the shortest `for` of the rules. */
export const scrapeIntervalSeconds = 15;

/**
 * The whole prometheus.yml. Rules are every `*.rules.yml` beside it. The application's token stands in it and not in a file
 * of its own: Prometheus 3.5 goes on with the former content of such a file until its job changes, and then answers 401.
 */
export function prometheusYaml(
  own: Targets,
  labels: { readonly stack: string },
  further: readonly ScrapeJob[] = [],
): string {
  const job = (name: string, targets: readonly string[], rest: object = {}) => ({
    job_name: name,
    ...rest,
    static_configs: [{ targets, labels }],
  });
  const app = own.app && job(jobs.app, [own.app.address], { authorization: { credentials: own.app.token } });
  return stringify({
    global: {
      scrape_interval: `${scrapeIntervalSeconds}s`,
      scrape_timeout: "10s",
      evaluation_interval: `${scrapeIntervalSeconds}s`,
    },
    rule_files: [`${filesFolder}/*.rules.yml`],
    scrape_configs: [
      job(jobs.pgbouncer, [own.pgbouncer]),
      job(jobs.postgres, [own.postgres]),
      ...(app === undefined ? [] : [app]),
      ...further.map(({ name, targets, metricsPath, scheme, params }) =>
        job(name, targets, { scheme, metrics_path: metricsPath, params }),
      ),
    ],
  });
}

/** The rules as the file that Prometheus reads. */
export function rulesYaml(rules: readonly AlertRule[]): string {
  // Without folding: an expression stays on one line and so in one piece for who looks at the file.
  return stringify({ groups: [{ name: "poolkit", rules }] }, { lineWidth: 0 });
}
