import { isError, isRunning, lastLines, reloadContainer } from "../engine/containers.ts";
import type { Context, Resource } from "../model/resource.ts";
import { object, type PropertyProblem, record, refined, type Shaped, secret, text } from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import type { Path } from "../protocol/paths.ts";
import { url } from "./health-gate.ts";
import { httpGet } from "./http-get.ts";
import { applyFiles, emptyFiles, type Files, filesDigest, placeFields, readFiles } from "./volume-files.ts";

const inputs = object({
  ...placeFields,
  files: secret(refined(record(text()), fileProblems)),
  url,
});
type Inputs = Shaped<typeof inputs>;
type Outputs = { revision: string };

const configFile = "prometheus.yml";
/** A rule of our own whose label says which files were read: Prometheus tells of rules, not of the file they are from. */
const revisionFile = "poolkit-revision.rules.yml";
const revisionRule = "poolkit:configuration_revision";
const patience = { timeoutMs: 20_000, everyMs: 200 };
const requestTimeoutMs = 2_000;

/** `poolkit:index:PrometheusConfig`; see the class in provider/sdk for what it promises. */
export const prometheusConfig: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: ["volumeName", "containerName"],
  ignore: ["image", "url"],
  id: ({ volumeName }) => `${volumeName}/${configFile}`,
  plan: ({ files }) => ({ revision: filesDigest(files) }),
  create: (wanted, context) => write(wanted, undefined, context),
  update: (wanted, former, context) => write(wanted, former, context),
  delete: (last, context) => emptyFiles(last, [...Object.keys(last.files), revisionFile], context),

  async read(last, _, context) {
    const files = await readFiles(last, Object.keys(last.files), context);
    if (files === undefined) return undefined;
    const found = { ...last, files };
    return { inputs: found, outputs: { revision: await runningRevision(found, context) } };
  },
};

async function write(wanted: Inputs, former: Inputs | undefined, context: Context): Promise<Outputs> {
  const revision = filesDigest(wanted.files);
  const dropped = Object.keys(former?.files ?? {}).filter((name) => !Object.hasOwn(wanted.files, name));
  const files: Files = {
    // A file cannot be removed through the engine; emptied, it keeps no secret and no rule.
    ...Object.fromEntries(dropped.map((name) => [name, ""])),
    ...wanted.files,
    [revisionFile]: revisionRules(revision),
  };
  const application = {
    apply: async () => apply(await live(wanted, former, context), revision, context),
    restore: async () => restore(await live(wanted, former, context), context),
  };
  await applyFiles(wanted, files, application, context);
  return { revision };
}

interface LivePrometheus {
  readonly containerName: string;
  readonly url: string;
}

/** What runs, and where it answers: another port only once the container that publishes it is there, which comes later. */
async function live(
  { containerName, url }: Inputs,
  former: Inputs | undefined,
  { signal }: Context,
): Promise<LivePrometheus> {
  const isFormer = former !== undefined && (await ask(`${url}/-/ready`, signal)) === "";
  return { containerName, url: isFormer ? former.url : url };
}

function revisionRules(revision: string): string {
  const rule = { record: revisionRule, expr: "vector(1)", labels: { revision } };
  // JSON is YAML.
  return `${JSON.stringify({ groups: [{ name: "poolkit-revision", rules: [rule] }] })}\n`;
}

/** SIGHUP, then Prometheus is asked for the rules that it evaluates until it has those of this revision. */
async function apply(
  { containerName, url }: LivePrometheus,
  revision: string,
  context: Context,
): Promise<string[]> {
  const docker = await context.docker();
  // What it says of the reload before this one would be taken for its word on this one.
  const hadRefused = await hasRefused(url, context.signal);
  await reloadContainer(docker, containerName);
  const ask = async () => ({
    revision: await revisionOf(url, context.signal),
    isRefused: !hadRefused && (await hasRefused(url, context.signal)),
  });
  const { last } = await waitFor(ask, (seen) => seen.revision === revision || seen.isRefused, {
    ...patience,
    signal: context.signal,
  });
  if (last.revision === revision) return [];
  const errors = errorsOfReload(await lastLines(docker, containerName));
  if (errors.length > 0) return errors.map((error) => `it refused the files: ${error}`);
  return [`${url} still evaluates ${last.revision === "" ? "no rules of the kit" : "the former rules"}`];
}

/** Done when it has read them: the next change would else meet the refusal of this one. */
async function restore({ containerName, url }: LivePrometheus, context: Context): Promise<string[]> {
  await reloadContainer(await context.docker(), containerName);
  const isRefused = () => hasRefused(url, context.signal);
  const { done } = await waitFor(isRefused, (refused) => !refused, { ...patience, signal: context.signal });
  return done ? [] : [`${url} refuses them, too`];
}

/** All errors since it last began to read its files: the cause stands first, the last one says only that it failed. */
function errorsOfReload(lines: readonly string[]): string[] {
  const start = lines.findLastIndex((line) => line.includes("Loading configuration file"));
  return lines.slice(start + 1).filter(isError);
}

/** The revision that Prometheus runs, when it runs and tells; else that of the files. */
async function runningRevision({ containerName, url, files }: Inputs, context: Context): Promise<string> {
  const running = (await isRunning(await context.docker(), containerName))
    ? await revisionOf(url, context.signal)
    : "";
  return running === "" ? filesDigest(files) : running;
}

/** Empty when Prometheus does not answer or has no such rule. */
async function revisionOf(url: string, signal: AbortSignal): Promise<string> {
  const body = await ask(`${url}/api/v1/rules?rule_name[]=${revisionRule}`, signal);
  return /"revision":"([0-9a-f]{64})"/.exec(body)?.[1] ?? "";
}

/** Whether the last reload failed: Prometheus then goes on with what it had. */
async function hasRefused(url: string, signal: AbortSignal): Promise<boolean> {
  return (await ask(`${url}/api/v1/status/runtimeinfo`, signal)).includes('"reloadConfigSuccess":false');
}

/** What is answered; empty when nothing is. */
async function ask(url: string, signal: AbortSignal): Promise<string> {
  try {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
    return (await httpGet(url, {}, bounded)).body;
  } catch {
    signal.throwIfAborted();
    return "";
  }
}

function fileProblems(files: Readonly<Record<string, string>>, path: Path): PropertyProblem[] {
  const named = Object.keys(files).flatMap((name): PropertyProblem[] => {
    if (name === revisionFile) return [{ path: [...path, name], reason: "written by the plugin itself" }];
    if (/^[a-z0-9][a-z0-9._-]*$/.test(name)) return [];
    return [{ path: [...path, name], reason: "expected a file name of small letters, digits and . _ -" }];
  });
  return Object.hasOwn(files, configFile)
    ? named
    : [...named, { path: [...path, configFile], reason: "missing" }];
}
