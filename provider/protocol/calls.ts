import type grpc from "@grpc/grpc-js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { IncompleteResource, messageOf, UserError } from "../model/errors.ts";
import type { Log } from "../model/resource.ts";
import { failure, initFailure } from "./failures.ts";
import type { Path } from "./paths.ts";
import { type PlainMap, reveal, seal, secretPaths, secretTexts } from "./secrets.ts";
import { decodeProperties, encodeProperties, type PropertyMap } from "./values.ts";

/** Properties of one call, without marks, and what is needed to put the marks back on the answer. */
export class CallProperties {
  readonly #maps: PropertyMap[];
  readonly #secrets: readonly Path[];

  /** @param secrets paths that are always secret, whatever the caller marked */
  constructor(secrets: readonly Path[], ...structs: (Struct | undefined)[]) {
    this.#maps = structs.map(decodeProperties);
    this.#secrets = [...secrets, ...this.#maps.flatMap((map) => secretPaths(map))];
  }

  /** The n-th struct of the call. */
  plain(index: number): PlainMap {
    return reveal(this.#maps[index] ?? {});
  }

  /** An answer with everything secret that is always secret or that came in as a secret. */
  sealed(properties: PlainMap): Struct {
    return encodeProperties(seal(properties, this.#secrets));
  }

  /** Takes every secret of the call out of a message, also as a refusal quotes it: with its line ends escaped. */
  redact(message: string): string {
    const marked = this.#maps.map((map) => seal(reveal(map), this.#secrets));
    const texts = marked
      .flatMap((map) => secretTexts(map))
      .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)])
      .sort((a, b) => b.length - a.length);
    return texts.reduce((text, secret) => text.replaceAll(secret, "[secret]"), message);
  }

  /** A log that shows no secret of the call. */
  redacting(log: Log): Log {
    return {
      info: (message) => log.info(this.redact(message)),
      warning: (message) => log.warning(this.redact(message)),
    };
  }
}

/**
 * The failure as Pulumi shows it: expected ones by their message alone, others named as a defect of the plugin. A
 * resource that is there but not as wanted is kept in the state.
 */
export function failureOf(
  error: unknown,
  properties: CallProperties,
  signal: AbortSignal = new AbortController().signal,
): Partial<grpc.StatusObject> {
  const expected = error instanceof UserError || isEngineAnswer(error) || signal.aborted;
  const message = signal.aborted
    ? `${messageOf(signal.reason)}; the next \`pulumi up\` goes on`
    : messageOf(error);
  const text = properties.redact(expected ? message : `unexpected failure in the poolkit plugin: ${message}`);
  if (!(error instanceof IncompleteResource)) return failure(text);
  return initFailure(error.id, text, properties.sealed(error.inputs));
}

/** An answer of Docker Engine such as "no space left on device": not of the plugin's making. */
function isEngineAnswer(error: unknown): boolean {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}
