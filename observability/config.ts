import { stringify } from "yaml";
import { type AlertRule, jobs } from "./rules.ts";

/** `host:port` inside the stack's network. */
export interface Targets {
  /** Undefined = the application shows no metrics. */
  readonly app: string | undefined;
  readonly pgbouncer: string;
  readonly postgres: string;
}

/** Folder of Prometheus' files in its container, read-only. */
export const filesFolder = "/etc/poolkit";
/** File with the token of the application's `/metrics`; read at every scrape. */
export const tokenFile = "metrics-token";

/** How often Prometheus asks, seconds. Shorter than the shortest `for` of the rules. */
export const scrapeIntervalSeconds = 15;

/** The whole prometheus.yml. Rules are every `*.rules.yml` beside it. */
export function prometheusYaml(targets: Targets, labels: { readonly stack: string }): string {
  const job = (name: string, target: string, rest: object = {}) => ({
    job_name: name,
    ...rest,
    static_configs: [{ targets: [target], labels }],
  });
  const token = { authorization: { credentials_file: `${filesFolder}/${tokenFile}` } };
  return stringify({
    global: {
      scrape_interval: `${scrapeIntervalSeconds}s`,
      scrape_timeout: "10s",
      evaluation_interval: `${scrapeIntervalSeconds}s`,
    },
    rule_files: [`${filesFolder}/*.rules.yml`],
    scrape_configs: [
      job(jobs.pgbouncer, targets.pgbouncer),
      job(jobs.postgres, targets.postgres),
      ...(targets.app === undefined ? [] : [job(jobs.app, targets.app, token)]),
    ],
  });
}

/** The rules as the file that Prometheus reads. */
export function rulesYaml(rules: readonly AlertRule[]): string {
  // Without folding: an expression stays on one line and so in one piece for who looks at the file.
  return stringify({ groups: [{ name: "poolkit", rules }] }, { lineWidth: 0 });
}
