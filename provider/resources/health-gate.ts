import { UserError } from "../model/errors.ts";
import type { Context, Resource } from "../model/resource.ts";
import { integer, object, optional, record, type Shaped, secret, text } from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import { askHealth, type Health, healthText } from "./health.ts";

/** An endpoint as the deployer reaches it. */
export const url = text((value) =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
    ? undefined
    : "expected an http or https URL",
);

const inputs = object({
  url,
  token: secret(text()),
  triggers: record(text()),
  expectedRevision: optional(text()),
  timeoutSeconds: integer(1, 3600),
});
type Inputs = Shaped<typeof inputs>;
type Outputs = { status: string };

const pollEveryMs = 500;

/** `poolkit:index:HealthGate`; see the class in provider/sdk for what it promises. */
export const healthGate: Resource<Inputs, Outputs> = {
  inputs,
  defaults: { timeoutSeconds: 60 },
  replaceOn: [],
  ignore: ["token", "timeoutSeconds"],
  id: (wanted) => wanted.url,
  plan: () => ({}),
  create: (wanted, context) => pass(wanted, context),
  update: (wanted, _, context) => pass(wanted, context),
  // A gate is a moment, not a thing: there is nothing to read back or to remove.
  read: async (last, { status = "" }) => ({ inputs: last, outputs: { status } }),
  delete: async () => {},
};

async function pass(wanted: Inputs, context: Context): Promise<Outputs> {
  let told = "";
  const poll = async (): Promise<Health> => {
    const health = await askHealth(wanted.url, wanted.token, context.signal);
    const text = waitingFor(health, wanted);
    if (text !== "" && text !== told) context.log.info(`waiting for health: ${text}`);
    told = text;
    return health;
  };
  const { done, last } = await waitFor(poll, (health) => waitingFor(health, wanted) === "", {
    timeoutMs: wanted.timeoutSeconds * 1000,
    everyMs: pollEveryMs,
    signal: context.signal,
  });
  if (!done) {
    throw new UserError(
      `not healthy within ${wanted.timeoutSeconds} s: ${waitingFor(last, wanted)}; asked ${wanted.url}`,
    );
  }
  if (last.status === "warn") context.log.warning(`healthy with a warning: ${healthText(last)}`);
  return { status: last.status };
}

/** What keeps the gate closed; empty when nothing does. */
function waitingFor(health: Health, { expectedRevision }: Inputs): string {
  if (health.status !== "pass" && health.status !== "warn") return healthText(health);
  if (expectedRevision === undefined || health.revision === expectedRevision) return "";
  if (health.revision === "" && health.cause !== "") return healthText(health);
  const reason = health.lastError === "" ? "" : `, which refused the new one: ${health.lastError}`;
  return `the application runs configuration ${shortened(health.revision)} instead of ${shortened(expectedRevision)}${reason}`;
}

function shortened(revision: string): string {
  return revision === "" ? "(none)" : revision.slice(0, 12);
}
