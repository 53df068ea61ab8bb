import { allRoles } from "../../../infra/names.ts";
import { derive } from "../../../infra/secrets.ts";

/** A stack and the secret that everything of it is derived from. */
export interface Seeded {
  readonly name: string;
  readonly seed: string;
}

/** The stack's secret and everything that is derived from it. */
export function secretsOf(stack: Seeded): string[] {
  const passwords = allRoles.map((role) => password(stack, role));
  const tokens = ["health", "api", "metrics"].map((purpose) =>
    derive(stack.seed, stack.name, `token/${purpose}`),
  );
  return [stack.seed, ...passwords, ...tokens];
}

export function password(stack: Seeded, role: string): string {
  return derive(stack.seed, stack.name, `password/${role}`);
}

/** The forms in which a secret could leak: itself, base64 and URL-encoded base64 of it. */
export function leaksIn(text: string, secrets: readonly string[]): string[] {
  const forms = secrets.flatMap((secret) => {
    const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
    return [secret, base64, Buffer.from(secret).toString("hex")];
  });
  return forms.filter((form) => text.includes(form)).map((form) => `${form.slice(0, 6)}…`);
}
