import { type Budget, number } from "../infra/budget/budget.ts";
import { type Check, holds, total } from "../infra/budget/check.ts";
import type { Advice } from "../infra/budget/observation.ts";
import { problemRow } from "../infra/problem-text.ts";

/**
 * The whole account for people: what adds up to what, for each limit; then the timers; then what is wrong.
 * @param isLetThrough the stack does not fit, and `poolkit:budget.check: warn` lets it through
 */
export function budgetText(
  stack: string,
  presetName: string,
  { checks, problems, advice }: Budget,
  isLetThrough = false,
): string {
  const capacity = checks.filter(({ kind }) => kind === "capacity");
  const timeouts = checks.filter(({ kind }) => kind === "timeout");
  const width = Math.max(...timeouts.map(({ left, right }) => nestText(left, right).length));
  return [
    `stack ${stack}, preset ${presetName}`,
    ...capacity.map(capacityText),
    "",
    "timeouts in seconds, each inside the next",
    ...timeouts.map((check) => {
      const { left, right, relation } = check;
      const text = nestText(left, right).padEnd(width);
      return `  ${mark(check)} ${text}  ${number(total(left))} ${relation} ${number(total(right))}`;
    }),
    ...listed(isLetThrough ? "does not fit" : "refused", problems, stack),
    ...listed("works, but", advice, stack),
    "",
    verdict(problems.length, advice.length, isLetThrough),
  ].join("\n");
}

function capacityText(check: Check): string {
  const { about, unit, left, relation, right } = check;
  const row = (sign: string, value: number, what: string) =>
    `  ${sign} ${number(value).padStart(8)}  ${what}`;
  const [used, limit] = [total(left), total(right)];
  return [
    "",
    `${mark(check)} ${about} (${unit})`,
    ...left.map(({ what, value }) => row(" ", value, what)),
    ...(left.length > 1 ? [row("=", used, "in sum")] : []),
    row(
      relation === "<" ? "<" : "≤",
      limit,
      right.map(({ what, value }) => (right.length > 1 ? `${what} ${number(value)}` : what)).join(", "),
    ),
    `    ${number(Math.round((limit - used) * 1000) / 1000).padStart(8)}  left over`,
  ].join("\n");
}

function mark(check: Check): string {
  if (holds(check)) return "ok    ";
  return check.severity === "refuse" ? "REFUSE" : "advice";
}

function nestText(left: Check["left"], right: Check["right"]): string {
  const names = (terms: Check["left"]) => terms.map(({ what }) => what).join(" + ");
  return `${names(left)} | ${names(right)}`;
}

function listed(title: string, problems: Budget["problems"], stack: string): string[] {
  return problems.length === 0 ? [] : ["", title, ...problems.map((problem) => problemRow(problem, stack))];
}

function verdict(problems: number, advice: number, isLetThrough: boolean): string {
  const counted = problems === 1 ? "1 problem" : `${problems} problems`;
  if (isLetThrough) return `does not fit, with ${counted}; poolkit:budget.check: warn lets it through`;
  if (problems > 0) return `refused, with ${counted}`;
  return advice > 0 ? `fits, with ${advice} pieces of advice` : "fits";
}

/** What the load of a deployed stack says about its pool. */
export function adviceText(advice: Advice): string {
  const ms = (seconds: number) => `${number(Math.round(seconds * 1e5) / 100)} ms`;
  const round = (value: number) => number(Math.round(value * 100) / 100);
  return [
    `pool         ${advice.verdict}: ${advice.reason}`,
    `arrivals     ${round(advice.arrivalRate)} transactions a second, each ${ms(advice.transactionSeconds)} on a server connection`,
    `busy         ${round(advice.busyConnections)} of ${advice.poolSize} connections on average (rate x time); at 70 % that takes ${advice.neededConnections}`,
    `waiting      ${round(advice.waitingClients)} clients on average, ${ms(advice.waitSeconds)} each`,
    `postgres     ${round(advice.activeSessions)} sessions active on average, idle in transaction ${round(100 * advice.idleInTransactionShare)} % of their transactions${advice.isLimitedByCores ? "; its cores are busy: more connections would only wait inside Postgres" : ""}`,
    ...(advice.suggestedPoolSize === advice.poolSize
      ? []
      : [`suggestion   pool size ${advice.suggestedPoolSize}`]),
  ].join("\n");
}
