import { type Checked, checkInputs, type Naming } from "./check.ts";
import { readSettings } from "./configure.ts";
import { type Difference, difference } from "./diff.ts";
import { oneError, PartialFailure, ReadFailure } from "./errors.ts";
import { callFunction, type FunctionResult } from "./functions.ts";
import { completeState, importedInputs, outputs, refreshedInputs } from "./inputs.ts";
import { isChosen, plan, settle } from "./plan.ts";
import type { ResourceType } from "./resources/resource.ts";
import { RESOURCE_TYPES } from "./resources/types.ts";
import type { State } from "./schema.ts";
import { Server } from "./server/server.ts";
import { mapValues, type Properties, plainProperties, UNKNOWN } from "./value.ts";

/** Which resource an operation is about. */
export interface Target {
  urn: string;
  type: string;
}

/** A resource after an operation. */
export interface Outcome {
  id: string;
  properties: Properties;
}

/** What a refresh or an import found. */
export interface Found extends Outcome {
  inputs: Properties;
}

/** The operations of the protocol in plain values. */
export class Provider {
  #server: Server | undefined;

  /** Takes the configuration; does not connect. */
  configure(args: Properties, environment: NodeJS.ProcessEnv): void {
    this.#server = new Server(readSettings(args, environment));
  }

  check(target: Target, olds: Properties, news: Properties, naming: Naming): Checked {
    return checkInputs(resourceType("Check", target.type).fields, target.urn, olds, news, naming);
  }

  /** What an update would change, and whether a replacement has to drop the old object first. */
  diff(
    target: Target,
    olds: Properties,
    news: Properties,
    ignored: string[],
  ): { difference: Difference; deleteBeforeReplace: boolean } {
    const type = resourceType("Diff", target.type, target.urn);
    const prior = completeState(type.fields, plainProperties(olds));
    const inputs = plainProperties(news);
    const found = difference(type.fields, prior, plan(type.fields, prior, inputs, ignored), inputs);
    return { difference: found, deleteBeforeReplace: found.replaces.length > 0 && dropsFirst(type, inputs) };
  }

  async create(target: Target, properties: Properties, preview: boolean): Promise<Outcome> {
    const type = resourceType("Create", target.type);
    const inputs = plainProperties(properties);
    const planned = plan(type.fields, undefined, inputs);
    if (preview) return { id: "", properties: outputs(type.fields, planned) };
    const server = this.#configured();
    const wanted = withoutUnknown(planned);
    const id = await failing("", type.create(server, wanted, inputs));
    const made = { ...wanted, id };
    const settled = (state: State) => settle(type.fields, undefined, planned, state);
    const read = await partially(`creating ${target.urn}: `, type, made, settled, () =>
      type.read(server, made),
    );
    if (!read) throw new Error(`expected non-nil error with nil state during Create of ${target.urn}`);
    const state = settled(read);
    return { id: String(state.id), properties: outputs(type.fields, state) };
  }

  /** The present state; undefined when the object is gone. Without properties it is an import by id. */
  async read(
    target: Target,
    id: string,
    properties: Properties,
    olds: Properties,
  ): Promise<Found | undefined> {
    const type = resourceType("Read", target.type);
    const isImport = Object.keys(properties).length === 0;
    const known = completeState(type.fields, plainProperties(properties));
    const prior = { ...known, id: known.id ?? id };
    const state = await failing(`refreshing ${target.urn}: `, type.read(this.#configured(), prior));
    if (!state) return undefined;
    const inputs = isImport
      ? importedInputs(type.fields, state)
      : refreshedInputs(type.fields, plainProperties(olds), state);
    return { id: String(state.id), properties: outputs(type.fields, state), inputs };
  }

  async update(
    target: Target,
    id: string,
    olds: Properties,
    news: Properties,
    ignored: string[],
    preview: boolean,
  ): Promise<Properties> {
    const type = resourceType("Update", target.type);
    const known = completeState(type.fields, plainProperties(olds));
    const prior = { ...known, id: known.id ?? id };
    const inputs = plainProperties(news);
    const planned = plan(type.fields, prior, inputs, ignored);
    if (preview) return outputs(type.fields, planned);
    const server = this.#configured();
    const prefix = `updating ${target.urn}: `;
    // The official plugin answers a failed update with the planned state; so the next refresh finds what is missing.
    const settled = (state: State) => settle(type.fields, prior, planned, state);
    const state = await partially(prefix, type, settled(planned), settled, async () => {
      const read = await type.read(server, settled(await type.update(server, prior, planned, inputs)));
      if (!read) throw new Error("expected non-nil error with nil state");
      return read;
    });
    return outputs(type.fields, settled(state));
  }

  async remove(target: Target, id: string, properties: Properties): Promise<void> {
    const type = resourceType("Delete", target.type);
    const known = completeState(type.fields, plainProperties(properties));
    const state = { ...known, id: known.id ?? id };
    await failing(`deleting ${target.urn}: `, type.remove(this.#configured(), state));
  }

  /** Calls one of the provider's functions. */
  async invoke(token: string, args: Properties): Promise<FunctionResult> {
    return callFunction(this.#configured(), token, args);
  }

  #configured(): Server {
    if (!this.#server) throw new Error("the provider is not configured");
    return this.#server;
  }
}

function resourceType(operation: string, token: string, shown = token): ResourceType {
  const type = Object.hasOwn(RESOURCE_TYPES, token) ? RESOURCE_TYPES[token] : undefined;
  if (!type) throw new Error(`unrecognized resource type (${operation}): ${shown}`);
  return type;
}

function dropsFirst(type: ResourceType, inputs: Properties): boolean {
  if (type.deleteBeforeReplace !== "unless-autonamed") return type.deleteBeforeReplace === "always";
  return isChosen(inputs, "name");
}

function withoutUnknown(planned: State): State {
  return mapValues(planned, (value) => (value === UNKNOWN ? null : value));
}

async function failing<T>(prefix: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw new Error(`${prefix}${oneError(error)}`, { cause: error });
  }
}

/** Runs the part of an operation whose failure leaves a state: as far as it was read, else the given one. */
async function partially<T>(
  prefix: string,
  type: ResourceType,
  state: State,
  settled: (state: State) => State,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const known = error instanceof ReadFailure ? settled(error.state) : state;
    throw new PartialFailure(`${prefix}${oneError(error)}`, String(known.id), outputs(type.fields, known));
  }
}
