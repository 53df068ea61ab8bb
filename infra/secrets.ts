import { createHash, createHmac, hkdfSync, pbkdf2Sync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { roles } from "./names.ts";

/** PostgreSQL's own default (`scram_iterations`); PgBouncer and Postgres must hold the identical verifier. */
const scramIterations = 4096;

/**
 * A password or token derived from the stack's one secret (HKDF-SHA-256, RFC 5869): the same in every run, different
 * per stack and purpose. 43 characters of base64url = 256 bits, safe in a URL.
 */
export function derive(seed: string, stack: string, purpose: string): string {
  return Buffer.from(hkdfSync("sha256", seed, `poolkit/${stack}`, purpose, 32)).toString("base64url");
}

/**
 * The SCRAM-SHA-256 verifier of a password as PostgreSQL stores it in pg_authid (RFC 5803), with a salt derived from
 * the same secret: a random salt would be a difference at every run.
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, scramIterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${scramIterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** A login: the password goes to its one user, the verifier to everybody who checks it. Both are secrets. */
export interface Login {
  readonly role: string;
  readonly password: pulumi.Output<string>;
  readonly verifier: pulumi.Output<string>;
}

function login(seed: pulumi.Output<string>, stack: string, role: string): Login {
  const password = pulumi.secret(seed.apply((value) => derive(value, stack, `password/${role}`)));
  const verifier = pulumi.secret(
    pulumi.all([seed, password]).apply(([value, text]) => {
      const salt = Buffer.from(hkdfSync("sha256", value, `poolkit/${stack}`, `salt/${role}`, 16));
      return scramVerifier(text, salt);
    }),
  );
  return { role, password, verifier };
}

/** Every login of a stack. `admin` is the deployer's PgBouncer console and unknown to Postgres. */
export function allLogins(seed: pulumi.Output<string>, stack: string) {
  const of = (role: string) => login(seed, stack, role);
  return {
    superuser: of(roles.superuser),
    owner: of(roles.owner),
    app: of(roles.app),
    monitor: of(roles.monitor),
    admin: of(roles.admin),
    exporter: of(roles.exporter),
  };
}

/** A token for `Authorization: Bearer`. */
export function token(seed: pulumi.Output<string>, stack: string, purpose: string): pulumi.Output<string> {
  return pulumi.secret(seed.apply((value) => derive(value, stack, `token/${purpose}`)));
}
