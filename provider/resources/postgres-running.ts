import type { Client } from "pg";
import { type PgSetting, runsAsWritten } from "./postgres-values.ts";

interface SettingRow extends PgSetting {
  readonly pending_restart: boolean;
  /** As SHOW prints it, with unit. */
  readonly shown: string;
}

/** What a server says about its configuration. */
export interface PostgresState {
  readonly settings: ReadonlyMap<string, SettingRow>;
  /** One line per mistake in its files. */
  readonly fileErrors: readonly string[];
}

/** One setting that runs differently from what was written. */
export interface SettingMismatch {
  readonly key: string;
  readonly running: string;
  readonly needsRestart: boolean;
  /** `max_connections: wanted 200, running 100`. */
  readonly line: string;
}

/**
 * Reads pg_settings and the errors of all files, also of one that ALTER SYSTEM or a person has written; needs a superuser
 * or pg_read_all_settings with the views granted.
 */
export async function postgresState(client: Client): Promise<PostgresState> {
  const { rows } = await client.query<SettingRow>(
    "SELECT lower(name) AS name, setting, unit, vartype, pending_restart, current_setting(name, true) AS shown FROM pg_settings",
  );
  // "Could not be applied" is no mistake in the file: those settings wait for a restart.
  const errors = await client.query<{ line: string }>(
    `SELECT format('%s line %s: %s', regexp_replace(sourcefile, '^.*/', ''), sourceline, error) AS line
       FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied'
     UNION ALL SELECT format('pg_hba.conf line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL`,
  );
  return {
    settings: new Map(rows.map((row) => [row.name, row])),
    fileErrors: errors.rows.map(({ line }) => line),
  };
}

/** Where the server differs from what was written. */
export function settingMismatches(
  written: Readonly<Record<string, string>>,
  state: PostgresState,
): SettingMismatch[] {
  return Object.entries(written).flatMap(([key, wanted]): SettingMismatch[] => {
    const row = state.settings.get(key.toLowerCase());
    if (row !== undefined && runsAsWritten(wanted, row)) return [];
    const running = row?.shown ?? "(absent)";
    const line = `${key}: wanted ${wanted}, running ${row === undefined ? "nothing of that name" : running}`;
    return [{ key, running, needsRestart: row?.pending_restart ?? false, line }];
  });
}
