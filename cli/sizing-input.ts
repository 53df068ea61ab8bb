import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { readApplication } from "../infra/application.ts";
import { readObject, readSizingInput, type SizingInput } from "../infra/sizing.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { capturePulumi, projectDirectory, pulumiMessage } from "./pulumi.ts";
import { stackName } from "./stack-name.ts";
import { UserError } from "./user-error.ts";

type Raw = ReadonlyMap<string, string>;

const shownConfig = z.record(z.string(), z.looseObject({ value: z.string().optional() }));
const stackFile = z.looseObject({ config: z.record(z.string(), z.unknown()).nullish() });

/** What a stack's configuration says about sizes and its application: of any stack, deployed or not, refused or not. No secret is read. */
export async function sizingInput(
  stack: string,
): Promise<{ readonly input: SizingInput; readonly problems: readonly Problem[] }> {
  const { code, stdout, stderr } = await capturePulumi(["config", "--json", "--stack", stack]);
  const raw = code === 0 ? fromPulumi(stdout) : fromFile(stack, stderr);
  const value = (key: string) => raw.get(`poolkit:${key}`);
  const read = readSizingInput(value, stackName(stack));
  // The account takes the application's numbers only; here somebody asks whether the stack would be let through.
  readApplication(readObject(value, "application", read.problems), read.problems, projectDirectory);
  return read;
}

function fromPulumi(json: string): Raw {
  const entries = Object.entries(shownConfig.parse(JSON.parse(json)));
  return new Map(entries.flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])));
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
    return new Map(Object.entries(config ?? {}).map(([key, value]) => [key, text(value)]));
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new UserError(
      isMissing
        ? `there is no stack "${stack}" and no ${fileName}; make it: pulumi stack init ${stack}`
        : `${fileName} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
