import type { Handler } from "../model/handler.ts";
import type { Context } from "../model/resource.ts";
import type { PropertyProblem } from "../model/shape.ts";
import type { PlainMap } from "./secrets.ts";

/** A function of the plugin (`pulumi.runtime.invoke`). */
export type PluginFunction = (args: PlainMap, context: Context) => Promise<PlainMap>;

/** What the plugin consists of, besides the protocol. Types and functions are named without `poolkit:index:`. */
export interface Plugin {
  readonly version: string;
  readonly resources: ReadonlyMap<string, Handler>;
  readonly functions: ReadonlyMap<string, PluginFunction>;
  /** Takes the provider's own settings; tells what is wrong with them. */
  configure(args: PlainMap): PropertyProblem[];
  /** @param timeoutSeconds the resource's custom timeout, 0 = none */
  context(urn: string, timeoutSeconds: number): Context;
  connectEngine(address: string): void;
  /** Knows of a call until it has ended. */
  track<T>(call: Promise<T>): Promise<T>;
  /** Ends what is waiting; called at the first Ctrl-C. */
  cancel(): void;
}
