import type pg from "pg";
import { STAGES, TRANSITIONS } from "../../app/processing/stage-machine.ts";
import type { AppDatabase } from "./app-database.ts";

/** Writes every change of state down, by triggers in the database: what no process can forget or embellish. */
const AUDIT = `
  CREATE TABLE app.audit (at timestamptz DEFAULT clock_timestamp(), session_id uuid, stage text, before text, after text);
  CREATE INDEX ON app.audit (session_id);
  CREATE FUNCTION app.audit_stage() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO app.audit (session_id, stage, before, after) VALUES (NEW.session_id, NEW.stage, OLD.status, NEW.status);
    RETURN NULL; END $$;
  CREATE FUNCTION app.audit_session() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO app.audit (session_id, before, after) VALUES (NEW.id, OLD.status, NEW.status);
    RETURN NULL; END $$;
  CREATE TRIGGER audit AFTER INSERT OR UPDATE ON app.session_stages FOR EACH ROW EXECUTE FUNCTION app.audit_stage();
  CREATE TRIGGER audit AFTER UPDATE OF status ON app.chat_sessions FOR EACH ROW EXECUTE FUNCTION app.audit_session()`;

/** From now on every change of state is written down; what is there already is removed. */
export function startAudit(database: AppDatabase): Promise<void> {
  return database.asSuperuser(async (client) => {
    await client.query("DELETE FROM app.chat_sessions");
    await client.query(AUDIT);
  });
}

/** Messages of every session that `addSessions` makes. */
export const MESSAGES_PER_SESSION = 3;

/** Adds so many sessions as an import would, ready for their first stage. */
export async function addSessions(client: pg.Client, sessions: number): Promise<void> {
  await client.query(
    `WITH added AS (
       INSERT INTO app.chat_sessions (id, company_id, external_id, started_at, transcript)
       SELECT uuidv7(), (SELECT id FROM app.companies ORDER BY name LIMIT 1), gen_random_uuid(), now(),
              E'[2026-11-01T09:00:00Z] User: My invoice ' || number || E' is wrong.\\n' ||
              E'[2026-11-01T09:00:03Z] Assistant: It is in your account.\\n[2026-11-01T09:01:00Z] User: Great, thanks!'
         FROM generate_series(1, $1) AS number RETURNING id)
     INSERT INTO app.session_stages (session_id, stage, available_at, updated_at)
     SELECT id, 'IMPORT', now(), now() FROM added`,
    [sessions],
  );
}

/** What the audit and the data say once all work is done. */
export interface Findings {
  readonly sessions: number;
  readonly processed: number;
  readonly failed: number;
  /** Everything that must not be; each line names what and how often. */
  readonly violations: readonly string[];
}

/** Compares audit and data with what processing promises. */
export async function findings(client: pg.Client): Promise<Findings> {
  await client.query("ANALYZE app.audit, app.chat_sessions, app.session_stages, app.messages");
  const one = async (sql: string) => Number((await client.query<{ n: string }>(sql)).rows[0]?.n);
  const legal = Object.entries(TRANSITIONS).flatMap(([from, events]) =>
    Object.values(events).map((to) => `('${from}', '${to}')`),
  );
  const forbidden = {
    "sessions without an end":
      "SELECT count(*) n FROM app.chat_sessions WHERE status NOT IN ('PROCESSED', 'FAILED')",
    "sessions that ended other than once": `SELECT count(*) n FROM app.chat_sessions WHERE 1 <> (
      SELECT count(*) FROM app.audit WHERE session_id = id AND stage IS NULL AND after IN ('PROCESSED', 'FAILED'))`,
    "stages that ended more than once": `SELECT count(*) n FROM (SELECT FROM app.audit
      WHERE stage IS NOT NULL AND after IN ('COMPLETED', 'FAILED') GROUP BY session_id, stage HAVING count(*) > 1)`,
    "stages without an end":
      "SELECT count(*) n FROM app.session_stages WHERE status NOT IN ('COMPLETED', 'FAILED')",
    "moves that the table does not have": `SELECT count(*) n FROM app.audit
      WHERE stage IS NOT NULL AND before IS NOT NULL AND (before, after) NOT IN (${legal.join(", ")})`,
    "stages that began otherwise than waiting": `SELECT count(*) n FROM app.audit
      WHERE stage IS NOT NULL AND before IS NULL AND after <> 'PENDING'`,
    "processed sessions without all stages": `SELECT count(*) n FROM app.chat_sessions WHERE status = 'PROCESSED'
      AND ${STAGES.length} <> (SELECT count(*) FROM app.session_stages
        WHERE session_id = id AND status = 'COMPLETED' AND result IS NOT NULL)`,
    "processed sessions with other messages than theirs": `SELECT count(*) n FROM app.chat_sessions
      WHERE status = 'PROCESSED' AND ${MESSAGES_PER_SESSION} <> (SELECT count(*) FROM app.messages WHERE session_id = chat_sessions.id)`,
    "failed sessions without a failed stage": `SELECT count(*) n FROM app.chat_sessions WHERE status = 'FAILED'
      AND 1 <> (SELECT count(*) FROM app.session_stages WHERE session_id = id AND session_stages.status = 'FAILED')`,
  };
  const violations: string[] = [];
  for (const [what, sql] of Object.entries(forbidden)) {
    const found = await one(sql);
    if (found > 0) violations.push(`${found} ${what}`);
  }
  return {
    sessions: await one("SELECT count(*) n FROM app.chat_sessions"),
    processed: await one("SELECT count(*) n FROM app.chat_sessions WHERE status = 'PROCESSED'"),
    failed: await one("SELECT count(*) n FROM app.chat_sessions WHERE status = 'FAILED'"),
    violations,
  };
}
