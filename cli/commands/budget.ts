import { accountJson } from "../../infra/budget/account-json.ts";
import { allowedPoolSize } from "../../infra/budget/allowed-pool-size.ts";
import { adviseOn } from "../../infra/budget/observation.ts";
import { roles } from "../../infra/names.ts";
import { adviceText, budgetText } from "../budget-text.ts";
import { observe } from "../observe.ts";
import { readMonitorUrls } from "../stack.ts";
import { stackConfig } from "../stack-config.ts";

/**
 * `poolkit budget`: the account of a stack's configuration, deployed or not. 0 = fits, 1 = fits with advice or does not fit
 * and is let through, 2 = refused.
 */
export async function budget(stack: string, json: boolean): Promise<number> {
  const { config, problems } = await stackConfig(stack);
  const { input, sizing, budget: fitting } = config;
  // A value that is refused stops the preview as well as one that does not fit.
  const account = { ...fitting, problems: [...problems, ...fitting.problems] };
  // A refused value is one whatever `check` says.
  const isLetThrough =
    sizing.options.check === "warn" && problems.length === 0 && fitting.problems.length > 0;
  const text = json
    ? JSON.stringify({ stack, preset: input.presetName, ...accountJson(account) })
    : budgetText(stack, input.presetName, account, isLetThrough);
  process.stdout.write(`${text}\n`);
  if (isLetThrough) return 1;
  if (account.problems.length > 0) return 2;
  return account.advice.length > 0 ? 1 : 0;
}

/** `poolkit budget --observe`: what the load says about the pool of a deployed stack. 0 = right or idle, else 1. */
export async function budgetObserved(stack: string, seconds: number, json: boolean): Promise<number> {
  const [{ config }, urls] = await Promise.all([stackConfig(stack), readMonitorUrls(stack)]);
  const { input, sizing } = config;
  const viewpoint = { ...urls, database: input.databaseName, user: roles.app };
  const seen = await observe(viewpoint, seconds, sizing.options.databaseCores);
  const advice = adviseOn(seen, (wanted) => allowedPoolSize(input, wanted));
  process.stdout.write(json ? `${JSON.stringify({ stack, ...advice })}\n` : `${adviceText(advice)}\n`);
  return advice.verdict === "right" || advice.verdict === "idle" ? 0 : 1;
}
