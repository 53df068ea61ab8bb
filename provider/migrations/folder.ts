import { isUtf8 } from "node:buffer";
import { type BinaryLike, createHash } from "node:crypto";
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
        const bytes = await readFile(join(root, name, "migration.sql"));
        return { name, script: textOf(bytes, `${directory}/${name}/migration.sql`), checksum: sha256(bytes) };
      }),
    );
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `directory: cannot read the migrations in ${directory}: ${messageOf(error)}; expected <name>/migration.sql`,
    );
  }
}

/** Whether the checksum is that of the same script with the line ends of another system (LF, CRLF). */
export function differsInLineEndsOnly(script: string, checksum: string): boolean {
  const unix = script.replaceAll("\r\n", "\n");
  return [unix, unix.replaceAll("\n", "\r\n")].some((text) => sha256(text) === checksum);
}

/** A replaced character would be applied in silence, and the text's checksum would never be that of the file. */
function textOf(bytes: Buffer, path: string): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  const lines = bytes.toString("latin1").split("\n");
  const line = 1 + lines.findIndex((text) => !isUtf8(Buffer.from(text, "latin1")));
  throw new UserError(`${path} line ${line}: not UTF-8; save it in that encoding`);
}

function sha256(content: BinaryLike): string {
  return createHash("sha256").update(content).digest("hex");
}
