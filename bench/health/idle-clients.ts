// A process of its own that opens so many connections, says so, and holds them until it is killed.
import pg from "pg";

const BATCH = 25;
const count = Number(process.argv[2]);
const connectionString = process.env.IDLE_CLIENTS_URL;
for (let opened = 0; opened < count; opened += BATCH) {
  const batch = Array.from(
    { length: Math.min(BATCH, count - opened) },
    () => new pg.Client({ connectionString }),
  );
  await Promise.all(batch.map((client) => client.connect()));
}
process.send?.("connected");
process.on("disconnect", () => process.exit());
