import { applicationKeys } from "../infra/application.ts";
import { givenFiles, givenVariables, setFolder } from "../infra/application-contract.ts";
import { overrideTable } from "../infra/overrides.ts";
import { defaultPorts, presetNames, presets } from "../infra/presets.ts";

/** Tables of the documentation that repeat code. `node docs/write-tables.ts` writes them; a test holds them equal. */
export const tables: Readonly<Record<string, { readonly file: string; readonly render: () => string }>> = {
  presets: { file: "README.md", render: presetTable },
  overrides: { file: "docs/configuration.md", render: overridesTable },
  application: { file: "docs/your-own-application.md", render: applicationTable },
  variables: { file: "docs/your-own-application.md", render: variablesTable },
  files: { file: "docs/your-own-application.md", render: filesTable },
  ports: { file: "docs/configuration.md", render: portsTable },
};

/** Replaces what stands between the markers of a table. Throws when the markers are missing. */
export function withTable(text: string, name: string, table: string): string {
  const [start, end] = [`<!-- table ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`the markers of table ${name} are missing`);
  }
  return `${text.slice(0, from + start.length)}\n\n${table}\n\n${text.slice(to)}`;
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function presetTable(): string {
  const of = (row: (preset: (typeof presets)[keyof typeof presets]) => string) =>
    presetNames.map((name) => row(presets[name]));
  return markdown(
    ["", ...presetNames],
    [
      ["`DATABASE_CONNECTION_LIMIT`", ...of((p) => `${p.connectionLimit}`)],
      ["`DATABASE_POOL_TIMEOUT` (s)", ...of((p) => `${p.poolTimeoutSeconds}`)],
      ["`USE_ENHANCED_POOLING`", ...of((p) => `${p.enhancedPooling}`)],
      [
        "PgBouncer clients / pool / reserve / per database",
        ...of(
          (p) =>
            `${p.maxClientConnections} / ${p.poolSize} / ${p.reservePoolSize} / ${p.maxDatabaseConnections}`,
        ),
      ],
      [
        "wait / statement / idle in transaction / lock (s)",
        ...of(
          (p) =>
            `${p.queryWaitTimeoutSeconds} / ${p.statementTimeoutSeconds} / ${p.idleInTransactionTimeoutSeconds} / ${p.lockTimeoutSeconds}`,
        ),
      ],
      ["data volume protected", ...of((p) => (p.protectData ? "yes" : "no"))],
    ],
  );
}

function overridesTable(): string {
  return markdown(
    ["`poolkit:overrides.`", "allowed", ...presetNames],
    overrideTable().map(({ name, allowed }) => [
      `\`${name}\``,
      allowed,
      ...presetNames.map((preset) => `${presets[preset][name]}`),
    ]),
  );
}

function applicationTable(): string {
  return markdown(
    ["`poolkit:application.`", "allowed", "default", ""],
    Object.entries(applicationKeys).map(([name, { allowed, fallback, meaning }]) => [
      `\`${name}\``,
      allowed,
      fallback === undefined ? "" : `\`${fallback}\``,
      meaning,
    ]),
  );
}

/** As an application gets them that sets `directUrlVariable: DIRECT_URL` and leaves the rest to the defaults. */
function variablesTable(): string {
  const given = givenVariables({
    databaseUrlVariable: "DATABASE_URL",
    directUrlVariable: "DIRECT_URL",
    port: 3000,
  });
  return markdown(
    ["variable", "value", ""],
    given.map(({ name, value, meaning }) => [`\`${name}\``, `\`${value}\``, meaning]),
  );
}

function filesTable(): string {
  return markdown(
    [`in \`${setFolder}\``, ""],
    givenFiles.map(({ name, meaning }) => [`\`${name}\``, meaning]),
  );
}

function portsTable(): string {
  const names = ["app", "pgbouncer", "postgres"] as const;
  return markdown(
    ["`poolkit:ports.`", "default"],
    names.map((name) => [`\`${name}\``, `${defaultPorts[name]}`]),
  );
}
