import { randomBytes } from "node:crypto";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { expect } from "vitest";
import { roles } from "../../../infra/names.ts";
import type { PresetName } from "../../../infra/presets.ts";
import { freePort } from "../../support/free-port.ts";
import { engine, removeStackByLabel } from "./engine.ts";
import type { Project, Ran } from "./project.ts";
import { password } from "./secrets.ts";

export interface Outputs {
  readonly url: string;
  readonly healthUrl: string;
  readonly healthToken: string;
  readonly apiToken: string;
  readonly metricsUrl: string;
  readonly metricsToken: string;
  readonly databaseUrl: string;
  readonly directDatabaseUrl: string;
  readonly monitorUrl: string;
  readonly consoleUrl: string;
  readonly pgbouncerHost: string;
  readonly pgbouncerPort: number;
  readonly prometheusUrl: string;
  readonly preset: string;
  readonly poolLimits: Record<string, number>;
  /** JSON of the whole account. */
  readonly budget: string;
  readonly readme: string;
}

export type Component =
  | "postgres"
  | "pgbouncer"
  | "app"
  | "prometheus"
  | "pgbouncer-exporter"
  | "postgres-exporter";

/** A stack of a test project: real containers under a name of its own and on free ports. */
export class TestStack {
  readonly name: string;
  readonly project: Project;
  private knownOutputs: Outputs | undefined;
  private seeds = 0;

  private constructor(project: Project, name: string) {
    this.project = project;
    this.name = name;
  }

  /** As the `Pulumi.<preset>.yaml` in git says, on ports of its own. */
  static async asInGit(project: Project, preset: PresetName): Promise<TestStack> {
    const stack = TestStack.named(project, preset);
    const file = (name: string) => join(project.directory, `Pulumi.${name}.yaml`);
    copyFileSync(file(preset), file(stack.name));
    return stack.init([]);
  }

  /** With the preset and nothing else of its own than ports. */
  static create(project: Project, preset: PresetName, label: string = preset): Promise<TestStack> {
    return TestStack.named(project, label).init([`poolkit:preset=${preset}`]);
  }

  private static named(project: Project, label: string): TestStack {
    return new TestStack(project, `test-${label}-${randomBytes(3).toString("hex")}`);
  }

  /** `pulumi stack init` and the configuration a person would set; nothing is deployed yet. */
  private async init(values: string[]): Promise<TestStack> {
    await this.must(["stack", "init", this.name, "--no-select"]);
    for (const port of ["app", "pgbouncer", "postgres", "prometheus"]) {
      values.push(`poolkit:ports.${port}=${await freePort()}`);
    }
    const plain = values.flatMap((value) => ["--plaintext", value]);
    await this.must(["config", "set-all", "--path", ...plain, ...this.flag]);
    await this.reseed();
    return this;
  }

  /** Sets another `poolkit:secretSeed`, which the next up takes over. */
  async reseed(): Promise<void> {
    this.seeds += 1;
    const set = ["config", "set", "--secret", "poolkit:secretSeed", ...this.flag];
    const { code, text } = await this.project.run("pulumi", set, { input: this.seed });
    if (code !== 0) throw new Error(text);
  }

  get seed(): string {
    return `${this.project.canary}-${this.name}-${this.seeds}`;
  }

  passwordOf(role: string): string {
    return password(this, role);
  }

  get flag(): string[] {
    return ["--stack", this.name];
  }

  container(component: Component) {
    return engine.getContainer(`poolkit-${this.name}-${component}`);
  }

  up(...args: string[]): Promise<Ran> {
    return this.project.pulumi(["up", "--yes", "--skip-preview", ...this.flag, ...args]);
  }

  preview(...args: string[]): Promise<Ran> {
    return this.project.pulumi(["preview", ...this.flag, ...args]);
  }

  destroy(...args: string[]): Promise<Ran> {
    return this.project.pulumi(["destroy", "--yes", "--skip-preview", ...this.flag, ...args]);
  }

  setPath(path: string, value: string): Promise<Ran> {
    return this.must(["config", "set", "--path", path, value, ...this.flag]);
  }

  async must(args: readonly string[]): Promise<Ran> {
    const ran = await this.project.pulumi(args);
    if (ran.code !== 0) throw new Error(`pulumi ${args.join(" ")} exited ${ran.code}:\n${ran.text}`);
    return ran;
  }

  async mustUp(...args: string[]): Promise<Ran> {
    const ran = await this.up(...args);
    if (ran.code !== 0) throw new Error(`up exited ${ran.code}:\n${ran.text}`);
    return ran;
  }

  /** The outputs, read once after the first up; whoever changes them calls `forgetOutputs()`. */
  async outputs(): Promise<Outputs> {
    this.knownOutputs ??= await this.readOutputs();
    return this.knownOutputs;
  }

  forgetOutputs(): void {
    this.knownOutputs = undefined;
  }

  private async readOutputs(): Promise<Outputs> {
    const { text } = await this.must(["stack", "output", "--json", "--show-secrets", ...this.flag]);
    return JSON.parse(text) as Outputs;
  }

  async health(): Promise<{ status: number; body: Record<string, unknown> }> {
    const { healthUrl, healthToken } = await this.outputs();
    const response = await fetch(healthUrl, { headers: { authorization: `Bearer ${healthToken}` } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /**
   * Health passes within 30 s; what it says otherwise is told whole. An update that asks no health gate may be
   * over before PgBouncer tries a login again that has failed (`server_login_retry`).
   */
  async mustPass(): Promise<void> {
    let body: Record<string, unknown> = {};
    const status = async () => {
      ({ body } = await this.health());
      return body.status;
    };
    await expect
      .poll(status, { timeout: 30_000, interval: 500 })
      .toBe("pass")
      .catch((error: unknown) => {
        throw new Error(`health does not pass: ${JSON.stringify(body, undefined, 2)}`, { cause: error });
      });
  }

  /** One SHOW command on PgBouncer's console, as the deployer. */
  async console<Row extends pg.QueryResultRow>(command: string): Promise<Row[]> {
    const { pgbouncerPort } = await this.outputs();
    const url = `postgresql://${roles.admin}:${password(this, roles.admin)}@127.0.0.1:${pgbouncerPort}/pgbouncer`;
    return this.sql<Row>(command, url);
  }

  /** Runs SQL on the server directly, as the owner of the database. */
  async sql<Row extends pg.QueryResultRow>(text: string, url?: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url ?? (await this.outputs()).directDatabaseUrl });
    // A server that ends is an error of the query, and without a listener one of the process.
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Removes whatever of this stack is still on the engine, whatever the test did to it. */
  async sweep(): Promise<void> {
    await removeStackByLabel(this.name);
  }
}
