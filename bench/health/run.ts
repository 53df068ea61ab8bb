// What asking for health costs, and whether it cries over nothing, on real Postgres and PgBouncer. Start it in the
// environment of set-up: . .poolkit/env && npm run bench:health --
// [cost [pairs of rounds, 40] | clients [how many, 5000] | quiet [minutes, 10]]
// Without a lane it runs all three.
import { clients } from "./clients.ts";
import { cost } from "./cost.ts";
import { withFixture } from "./fixture.ts";
import { quiet } from "./quiet.ts";

const [lane = "all", size] = process.argv.slice(2);
const lanes: Readonly<Record<string, (size: string | undefined) => Promise<void>>> = {
  cost: (rounds = "40") => withFixture({}, (fixture) => cost(fixture, Number(rounds))),
  clients: (count = "5000") =>
    withFixture({ max_client_conn: String(Number(count) + 1000) }, (fixture) =>
      clients(fixture, Number(count)),
    ),
  quiet: (minutes = "10") => withFixture({}, (fixture) => quiet(fixture, Number(minutes))),
};
if (lane === "all") {
  for (const run of Object.values(lanes)) await run(undefined);
} else {
  const run = lanes[lane];
  if (run === undefined) throw new Error(`${lane} is none of ${Object.keys(lanes).join(", ")}`);
  await run(size);
}
