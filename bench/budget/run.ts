import { parseArgs } from "node:util";
import { falseAccepts, falseRefusals, prove } from "./prove.ts";

/** `npm run prove:budget -- [--count 200] [--seed N] [--lanes 4]`: is the proof right? Real Postgres and PgBouncer. */
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "20261123" },
    lanes: { type: "string", default: "4" },
  },
});
const started = performance.now();
let done = 0;
const outcomes = await prove(Number(values.count), {
  seed: Number(values.seed),
  lanes: Number(values.lanes),
  onOutcome: ({ refused, symptoms }) => {
    done += 1;
    if (refused.length > 0 !== symptoms.length > 0) {
      process.stdout.write(`${done}: refused [${refused}] seen [${symptoms}]\n`);
    }
  },
});

const accepted = outcomes.filter(({ refused }) => refused.length === 0);
const [wrong, cautious] = [falseAccepts(outcomes), falseRefusals(outcomes)];
const line = (name: string, value: string | number) => process.stdout.write(`${name.padEnd(28)} ${value}\n`);
line(
  "configurations",
  `${outcomes.length} (seed ${values.seed}, ${Math.round((performance.now() - started) / 1000)} s)`,
);
line("accepted", accepted.length);
line("  of these, limit reached", `${wrong.length} (goal 0)`);
line("refused", outcomes.length - accepted.length);
line("  of these, limit reached", outcomes.length - accepted.length - cautious.length);
line("  not reached (false refusal)", cautious.length);
for (const [text, amount] of counted(outcomes.flatMap(({ symptoms }) => symptoms)))
  line(`seen: ${text}`, amount);
for (const { refused, margins } of cautious) {
  line(
    "false refusal",
    refused.map((id) => `${id} by ${-Math.round((margins[id] ?? 0) * 1000) / 1000}`).join(", "),
  );
}
for (const { symptoms, margins, sample } of wrong) {
  line("FALSE ACCEPT", `${symptoms.join(", ")} ${JSON.stringify(margins)} ${JSON.stringify(sample.input)}`);
}
process.exitCode = wrong.length === 0 ? 0 : 1;

function counted(texts: readonly string[]): [string, number][] {
  return [...Map.groupBy(texts, (text) => text)].map(([text, all]): [string, number] => [text, all.length]);
}
