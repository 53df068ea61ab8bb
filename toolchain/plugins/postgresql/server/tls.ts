import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { Settings } from "./settings.ts";

/** The server's answer to a TLS request when it has none, in the driver's words. */
export const NO_TLS = "The server does not support SSL connections";

/**
 * The ways to connect for `sslmode`, in the order to try them: TLS options, or false for a plain connection.
 * Without a mode TLS is required, as in the official plugin.
 * @throws Error when the mode is not known or a certificate file cannot be read.
 */
export function tlsAttempts(settings: Settings): Array<ConnectionOptions | false> {
  switch (settings.sslmode || "require") {
    case "disable":
      return [false];
    case "allow":
      return [false, tlsOptions(settings, false)];
    case "prefer":
      return [tlsOptions(settings, false), false];
    case "require":
      // A root certificate makes "require" check the chain, as it does in libpq.
      return [{ ...tlsOptions(settings, settings.sslrootcert !== ""), checkServerIdentity: () => undefined }];
    case "verify-ca":
      return [{ ...tlsOptions(settings, true), checkServerIdentity: () => undefined }];
    case "verify-full":
      return [tlsOptions(settings, true)];
    default:
      throw new Error(
        `pq: wrong value for "sslmode": "${settings.sslmode}" is not supported; ` +
          "supported values are disable, allow, prefer, require, verify-full, or verify-ca",
      );
  }
}

function tlsOptions(settings: Settings, verify: boolean): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ...(settings.sslrootcert ? { ca: readFileSync(settings.sslrootcert, "utf8") } : {}),
    ...clientCertificate(settings),
  };
}

function clientCertificate({ clientcert }: Settings): ConnectionOptions {
  if (!clientcert) return {};
  if (clientcert.inline) return { cert: clientcert.cert, key: clientcert.key };
  return { cert: readFileSync(clientcert.cert, "utf8"), key: readFileSync(clientcert.key, "utf8") };
}
