import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type PostgresConnectionArgs, withSecretPassword } from "./connections.ts";

export interface MigrationsArgs {
  /** Direct login as the owner of the schema. Another `database` replaces the resource; data stay. */
  connection: PostgresConnectionArgs;
  /**
   * Login of a refresh, to the same database. The owner may be gone with its database: a refused login does not say so.
   * Change: state only. @default `connection`
   */
  readConnection?: PostgresConnectionArgs;
  /** Schema that holds the tables and `_prisma_migrations`. A change replaces the resource; data stay. */
  schema: pulumi.Input<string>;
  /**
   * Folder of Prisma migrations (`<name>/migration.sql`), relative to the root of the checkout. Another folder with the
   * same migrations is no change; what it has more is applied, and what was applied must be in it unchanged.
   * @default "prisma/migrations"
   */
  directory?: string;
}

/**
 * Applies Prisma migrations that the database does not have yet, in order, once, whoever else is deploying at the
 * same time. A failed one fails the `up` with its name and Postgres' message. A script that does not control transactions
 * itself is one transaction together with the record of its end: an `up` that was cut in it goes on with the next one. What
 * is applied is never rolled back or dropped; deleting the resource leaves the data as they are.
 */
export class Migrations extends pulumi.CustomResource {
  declare readonly schema: pulumi.Output<string>;
  /** Migration name → SHA-256 (hex) of its script: what the database has after the `up`. */
  declare readonly migrations: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: MigrationsArgs, options?: pulumi.CustomResourceOptions) {
    const directory = args.directory ?? "prisma/migrations";
    const inputs = {
      ...args,
      directory,
      connection: withSecretPassword(args.connection),
      readConnection: args.readConnection && withSecretPassword(args.readConnection),
      migrations: migrationsIn(directory),
    };
    super("poolkit:index:Migrations", name, inputs, options);
  }
}

const checkoutRoot = resolve(import.meta.dirname, "../..");

/**
 * Names and checksums of the migrations in a folder, sorted by name as Prisma applies them.
 * The checksum is the one that Prisma stores: SHA-256 (hex) of `migration.sql`.
 * @throws pulumi.RunError when the folder cannot be read
 */
export function migrationsIn(directory: string): Record<string, string> {
  const root = resolve(checkoutRoot, directory);
  try {
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const names = folders.map((entry) => entry.name).sort();
    return Object.fromEntries(names.map((name) => [name, checksum(join(root, name, "migration.sql"))]));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new pulumi.RunError(
      `migrations: cannot read "${directory}" (${reason}); expected <name>/migration.sql in it`,
    );
  }
}

function checksum(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
