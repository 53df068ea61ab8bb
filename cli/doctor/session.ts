import { Socket } from "node:net";
import pg from "pg";

type Row = Readonly<Record<string, unknown>>;

/** Sends one statement and gives its rows. PgBouncer's console takes the simple protocol only: never values. */
export type Ask = <Result extends Row = Row>(sql: string) => Promise<Result[]>;

/**
 * Logs in, runs `use`, logs out. The socket is ours, so that the limit can cut it: client.end() would wait for a frozen
 * peer without end.
 */
export async function withSession<T>(
  connectionString: string,
  signal: AbortSignal,
  use: (ask: Ask) => Promise<T>,
): Promise<T> {
  const socket = new Socket();
  const cut = () => socket.destroy();
  signal.addEventListener("abort", cut, { once: true });
  const client = new pg.Client({
    connectionString,
    application_name: "poolkit-cli",
    ssl: false,
    stream: () => socket,
  });
  // An error between two statements is also the next statement's error; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const result = await use(
      async <Result extends Row>(sql: string) => (await client.query<Result>(sql)).rows,
    );
    await client.end();
    return result;
  } finally {
    signal.removeEventListener("abort", cut);
    socket.destroy();
  }
}
