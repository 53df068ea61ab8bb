import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, UserError } from "../model/errors.ts";

/** One migration as it stands in the checkout. */
export interface Migration {
  readonly name: string;
  readonly script: string;
  /** SHA-256 (hex) of the script: what Prisma stores in `_prisma_migrations`. */
  readonly checksum: string;
}

const checkoutRoot = resolve(import.meta.dirname, "../..");

/** The path of a folder that is named relative to the root of the checkout, wherever Pulumi was started. */
export function pathInCheckout(directory: string): string {
  return resolve(checkoutRoot, directory);
}

/**
 * The migrations in a folder (`<name>/migration.sql`), in the order in which they are applied.
 * @throws UserError when the folder or a script cannot be read
 */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const root = pathInCheckout(directory);
  try {
    const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const names = folders.map((entry) => entry.name).sort();
    return await Promise.all(
      names.map(async (name) => {
        const script = await readFile(join(root, name, "migration.sql"), "utf8");
        return { name, script, checksum: createHash("sha256").update(script).digest("hex") };
      }),
    );
  } catch (error) {
    throw new UserError(
      `directory: cannot read the migrations in ${directory}: ${messageOf(error)}; expected <name>/migration.sql`,
    );
  }
}
