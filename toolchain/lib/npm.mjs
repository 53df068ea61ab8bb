// @ts-check
import { existsSync } from "node:fs";
import { lastLines } from "./processes.mjs";

/** @typedef {{ command: string, args: string[] }} Npm how to start npm */

/** Nothing but errors; `npm run -s` around us must not hide them. */
export const QUIET_NPM = ["--loglevel=error", "--no-audit", "--no-fund"];

/**
 * The npm that started us (`npm run …` says which), else the one on PATH.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Npm}
 */
export function findNpm(env) {
  const script = env.npm_execpath;
  const usable = script && /npm-cli\.c?js$/.test(script) && existsSync(script);
  return usable ? { command: process.execPath, args: [script] } : { command: "npm", args: [] };
}

/**
 * What npm says is wrong: it comes first, before hints and usage.
 * @param {string} output
 */
export function npmErrors(output) {
  const errors = output.split("\n").filter((line) => /^npm (error|ERR!) ./.test(line));
  return errors.length > 0 ? errors.slice(0, 6).join("\n") : lastLines(output);
}
