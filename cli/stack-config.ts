import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { checkConfig, plainKeys } from "../infra/checked-config.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { capturePulumi, projectDirectory, pulumiMessage } from "./pulumi.ts";
import { stackName } from "./stack-name.ts";
import { UserError } from "./user-error.ts";

/** Values by key; those that are stored as a secret only by name. */
interface Raw {
  readonly values: ReadonlyMap<string, string>;
  readonly secrets: readonly string[];
}

const shownConfig = z.record(
  z.string(),
  z.looseObject({ value: z.string().optional(), secret: z.boolean().optional() }),
);
const stackFile = z.looseObject({ config: z.record(z.string(), z.unknown()).nullish() });

/** What a stack's configuration says and what a preview would refuse of it: of any stack, deployed or not. No secret is read. */
export async function stackConfig(stack: string): Promise<ReturnType<typeof checkConfig>> {
  const { code, stdout, stderr } = await capturePulumi(["config", "--json", "--stack", stack]);
  const raw = code === 0 ? fromPulumi(stdout) : fromFile(stack, stderr);
  const names = [...raw.values.keys(), ...raw.secrets];
  const value = (key: string) => raw.values.get(`poolkit:${key}`);
  const checked = checkConfig(names, value, stackName(stack), projectDirectory);
  const hidden = plainKeys.filter((key) => raw.secrets.includes(`poolkit:${key}`));
  checked.problems.push(...hidden.map(secretProblem));
  return checked;
}

/** Without it the account would be one of a stack that leaves the value out. */
function secretProblem(key: (typeof plainKeys)[number]): Problem {
  const path = `poolkit:${key}`;
  return {
    path,
    found: "a secret, or one within it, which this command does not read",
    allowed: "a plain value: nothing in it is secret",
    fix: `pulumi config rm ${path}, and set it again without --secret`,
  };
}

function fromPulumi(json: string): Raw {
  const entries = Object.entries(shownConfig.parse(JSON.parse(json)));
  const plain = entries.flatMap(([key, { value, secret }]): [string, string][] =>
    value === undefined || secret === true ? [] : [[key, value]],
  );
  return {
    values: new Map(plain),
    secrets: entries.filter(([, { secret }]) => secret === true).map(([key]) => key),
  };
}

/** A stack's file keeps a secret as `secure: <cipher text>`, alone or anywhere in an object. */
function holdsSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "secure") || Object.values(value).some(holdsSecret);
}

/** A stack that was never made has its file in git at most. */
function fromFile(stack: string, stderr: string): Raw {
  if (!stderr.includes("no stack named")) {
    throw new UserError(pulumiMessage(stderr));
  }
  const fileName = `Pulumi.${stackName(stack)}.yaml`;
  const file = join(projectDirectory, fileName);
  try {
    const { config } = stackFile.parse(parse(readFileSync(file, "utf8")));
    const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
    const entries = Object.entries(config ?? {});
    const plain = entries.filter(([, value]) => !holdsSecret(value));
    return {
      values: new Map(plain.map(([key, value]) => [key, text(value)])),
      secrets: entries.filter(([, value]) => holdsSecret(value)).map(([key]) => key),
    };
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new UserError(
      isMissing
        ? `there is no stack "${stack}" and no ${fileName}; make it: pulumi stack init ${stack}`
        : `${fileName} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
