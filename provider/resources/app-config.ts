import { createHash } from "node:crypto";
import { isRunning, reloadContainer } from "../engine/containers.ts";
import type { Context, Resource } from "../model/resource.ts";
import {
  object,
  optional,
  type PropertyProblem,
  record,
  refined,
  type Shaped,
  secret,
  text,
} from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import type { Path } from "../protocol/paths.ts";
import { askHealth, askHealthBetween, type Health, healthText } from "./health.ts";
import { url } from "./health-gate.ts";
import { applyFiles, emptyFiles, type Files, placeFields, readFiles } from "./volume-files.ts";

const inputs = object({
  ...placeFields,
  settings: record(text()),
  files: secret(refined(record(text()), fileNameProblems)),
  reloadSignal: optional(text(reloadSignalProblem)),
  readBack: optional(object({ url, token: secret(text()) })),
});
type Inputs = Shaped<typeof inputs>;
type Outputs = { revision: string };

const settingsFile = "settings.json";
/** The files that make up the revision, in the order in which the application hashes them. */
const knownFiles = [
  settingsFile,
  "database-url",
  "monitor-url",
  "console-url",
  "health-token",
  "api-token",
  "metrics-token",
];
const applyTimeoutMs = 10_000;

/** `poolkit:index:AppConfig`; see the class in provider/sdk for what it promises. */
export const appConfig: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: ["volumeName", "containerName"],
  ignore: ["image", "reloadSignal", "readBack"],
  id: ({ volumeName }) => `${volumeName}/${settingsFile}`,
  plan: (wanted) => ({ revision: revisionOf(filesOf(wanted)) }),
  create: (wanted, context) => write(wanted, undefined, context),
  update: (wanted, former, context) => write(wanted, former, context),
  delete: (last, context) => emptyFiles(last, Object.keys(filesOf(last)), context),

  async read(last, _, context) {
    const files = await readFiles(last, Object.keys(filesOf(last)), context);
    if (files === undefined) return undefined;
    const { [settingsFile]: settings = "", ...others } = files;
    const found = { ...last, settings: parseSettings(settings), files: others };
    return { inputs: found, outputs: { revision: await runningRevision(found, revisionOf(files), context) } };
  },
};

function filesOf({ settings, files }: Inputs): Files {
  const sorted = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...files, [settingsFile]: `${JSON.stringify(sorted, undefined, 2)}\n` };
}

/** SHA-256 (hex) over each file's bytes and a NUL; an absent file counts as empty, further files follow by name. */
function revisionOf(files: Files): string {
  const hash = createHash("sha256");
  const further = Object.keys(files).filter((name) => !knownFiles.includes(name));
  for (const name of [...knownFiles, ...further.sort()]) hash.update(files[name] ?? "").update("\0");
  return hash.digest("hex");
}

async function write(wanted: Inputs, former: Inputs | undefined, context: Context): Promise<Outputs> {
  const files = filesOf(wanted);
  const dropped = Object.keys(former?.files ?? {}).filter((name) => !Object.hasOwn(files, name));
  // What runs until a new container is there is the former application, when this deployment brings another one.
  const { reloadSignal = "SIGHUP" } = former ?? wanted;
  const reload = async () =>
    reloadSignal !== "none" && reloadContainer(await context.docker(), wanted.containerName, reloadSignal);
  const application = {
    apply: () => apply(wanted, former, revisionOf(files), reload, context),
    restore: async () => {
      await reload();
      return [];
    },
  };
  // A file cannot be removed through the engine; emptied, it counts as absent and keeps no secret.
  const emptied = Object.fromEntries(dropped.map((name) => [name, ""]));
  await applyFiles(wanted, { ...emptied, ...files }, application, context);
  return { revision: revisionOf(files) };
}

/**
 * The signal, then the revision is read back from an application that tells it; one that told none before is another
 * application, and what runs of it is asked by the health gate. An old refusal (`lastError`) is told apart from one of
 * these files.
 */
async function apply(
  wanted: Inputs,
  former: Inputs | undefined,
  revision: string,
  reload: () => Promise<boolean>,
  context: Context,
): Promise<string[]> {
  const { readBack } = wanted;
  if (readBack === undefined || (former !== undefined && former.readBack === undefined)) {
    await reload();
    return [];
  }
  const ask = () => askHealthBetween(readBack, former?.readBack ?? readBack, context.signal);
  const before = await ask();
  await reload();
  const isRefused = ({ lastError }: Health) => lastError !== "" && lastError !== before.lastError;
  const { last } = await waitFor(ask, (health) => health.revision === revision || isRefused(health), {
    timeoutMs: applyTimeoutMs,
    everyMs: 200,
    signal: context.signal,
  });
  if (last.revision === revision) return [];
  if (last.lastError !== "") return [`it refused the files: ${last.lastError}`];
  if (last.status === "unreachable") return [`cannot read it back from ${readBack.url}: ${last.cause}`];
  return [`it still runs configuration ${last.revision.slice(0, 12) || "(none)"} (${healthText(last)})`];
}

/** The revision that the application runs, when it runs and tells; else that of the files. */
async function runningRevision(
  { containerName, readBack }: Inputs,
  written: string,
  context: Context,
): Promise<string> {
  if (readBack === undefined || !(await isRunning(await context.docker(), containerName))) return written;
  return (await askHealth(readBack.url, readBack.token, context.signal)).revision || written;
}

/** The settings in the file; text that is none stands under `settings.json`, so that no edit stays unseen. */
function parseSettings(content: string): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(content);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
      return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, text(value)]));
    }
  } catch {
    // Not JSON: shown as it is.
  }
  return { [settingsFile]: content };
}

function reloadSignalProblem(signal: string): string | undefined {
  return /^(none|SIG[A-Z0-9]{2,10})$/.test(signal) ? undefined : "expected a signal such as SIGHUP, or none";
}

function fileNameProblems(files: Readonly<Record<string, string>>, path: Path): PropertyProblem[] {
  return Object.keys(files).flatMap((name): PropertyProblem[] => {
    if (name === settingsFile)
      return [{ path: [...path, name], reason: "made from `settings`; put the keys there" }];
    if (/^[a-z0-9][a-z0-9._-]*$/.test(name)) return [];
    return [{ path: [...path, name], reason: "expected a file name of small letters, digits and . _ -" }];
  });
}
