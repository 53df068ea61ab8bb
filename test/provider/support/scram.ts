import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** A SCRAM-SHA-256 verifier as Postgres stores it (RFC 5803), with a fixed salt. */
export function scramVerifier(password: string): string {
  const salt = Buffer.from("poolkit-test-salt");
  const salted = pbkdf2Sync(password, salt, 4096, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$4096:${salt.toString("base64")}$${storedKey}:${hmac("Server Key").toString("base64")}`;
}
