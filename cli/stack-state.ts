import { z } from "zod";

export const containerType = "docker:index/container:Container";

const resource = z.looseObject({
  urn: z.string(),
  id: z.string().optional(),
  type: z.string(),
  inputs: z.looseObject({ name: z.unknown().optional() }).optional(),
  pendingReplacement: z.boolean().optional(),
  initErrors: z.array(z.string()).optional(),
  parent: z.string().optional(),
  deletedWith: z.string().optional(),
  dependencies: z.array(z.string()).nullish(),
  propertyDependencies: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
});

type Resource = z.infer<typeof resource>;

/** What the command reads of `pulumi stack export`; everything else passes through when it is imported again. */
const stackState = z.looseObject({
  deployment: z.looseObject({
    resources: z.array(resource).nullish(),
    pending_operations: z.array(z.looseObject({ resource, type: z.string() })).nullish(),
  }),
});

export type StackState = z.infer<typeof stackState>;

export const parseState = (json: string): StackState => stackState.parse(JSON.parse(json));

/** Whether an update was killed, so that the state does not know how far it came. */
export function isCut({ deployment }: StackState): boolean {
  return (deployment.pending_operations ?? []).length > 0;
}

/** A create that a killed update began without noting its end. */
export interface PendingCreate {
  readonly urn: string;
  readonly type: string;
  /** The name that the resource was to have on the engine or the server. */
  readonly name: string;
}

export function pendingCreates({ deployment }: StackState): PendingCreate[] {
  return (deployment.pending_operations ?? []).flatMap(
    ({ type: operation, resource: { urn, type, inputs } }) =>
      operation === "creating"
        ? [{ urn, type, name: typeof inputs?.name === "string" ? inputs.name : "" }]
        : [],
  );
}

/** The containers that the state believes to run. */
export function containers({ deployment }: StackState): { urn: string; id: string }[] {
  return (deployment.resources ?? []).flatMap((one) =>
    one.type === containerType && one.id !== undefined && !isBeingReplaced(one)
      ? [{ urn: one.urn, id: one.id }]
      : [],
  );
}

/**
 * What an update of Postgres' objects failed at. The plugin has told the state the new values all the same, so the next
 * update would find nothing to do and end well: only a refresh says what there is.
 */
export function failedInPostgres({ deployment }: StackState): string[] {
  return (deployment.resources ?? []).flatMap(({ urn, type, initErrors = [] }) =>
    type.startsWith("postgresql:") && initErrors.length > 0 ? [urn] : [],
  );
}

/** What a killed update was changing: it may have come to its new values, while the state says the former ones. */
export function pendingUpdates({ deployment }: StackState): string[] {
  return (deployment.pending_operations ?? []).flatMap(({ type, resource: { urn } }) =>
    type === "updating" ? [urn] : [],
  );
}

const administration = z.object({
  host: z.string(),
  port: z.coerce.number(),
  username: z.string(),
  password: z.string(),
  database: z.string(),
});

/** Where the superuser logs in. */
export type Administration = z.infer<typeof administration>;

/** The login of the state's postgresql provider, from an export with --show-secrets. */
export function administrationIn({ deployment }: StackState): Administration | undefined {
  const provider = deployment.resources?.find(({ type }) => type === "pulumi:providers:postgresql");
  return administration.safeParse(plain(provider?.inputs ?? {})).data;
}

/** Of an export of either form; `StackState` is one. */
interface WithProviders {
  readonly deployment: {
    readonly resources?:
      | readonly { readonly type: string; readonly inputs?: Record<string, unknown> }[]
      | null;
  };
}

/**
 * `docker:host` of the last `up`; undefined where it was not set. The kit's own provider has it as it was configured,
 * the docker provider has the DOCKER_HOST of that moment in its place.
 */
export function dockerHostIn({ deployment }: WithProviders): string | undefined {
  const provider = deployment.resources?.find(({ type }) => type === "pulumi:providers:poolkit");
  const { dockerHost } = plain(provider?.inputs ?? {});
  return typeof dockerHost === "string" ? dockerHost : undefined;
}

/** With --show-secrets a secret is { <marker>: …, plaintext: "<JSON>" }. */
export function plain(inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const secret = z.looseObject({ plaintext: z.string() });
  return Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => {
      const wrapped = secret.safeParse(value);
      return [key, wrapped.success ? JSON.parse(wrapped.data.plaintext) : value];
    }),
  );
}

/**
 * The state with no create pending: what was made after all is a resource under its id (its outputs come with the next
 * refresh), the rest is forgotten, because it was never made or making it again is harmless. A replacement that deletes
 * first keeps the former resource in the state until its create ends: what was made takes that place, because a URN
 * must be there once, and before everything that depends on it. What a destroy has removed meanwhile it no longer refers to:
 * Pulumi would not take the state.
 */
export function withCreatesSettled(state: StackState, made: ReadonlyMap<string, string>): StackState {
  const { resources, pending_operations: pending } = state.deployment;
  const isCreate = ({ type }: { type: string }) => type === "creating";
  const adopted = (pending ?? []).filter(isCreate).flatMap(({ resource: created }) => {
    const id = made.get(created.urn);
    return id === undefined ? [] : [{ ...created, id, outputs: created.inputs }];
  });
  const known = new Set([...(resources ?? []), ...adopted].map(({ urn }) => urn));
  const settled = adopted.map((one) => withoutUnknown(one, (urn) => known.has(urn)));
  const former = (resources ?? []).filter(isBeingReplaced);
  const inPlace = (one: Resource) =>
    isBeingReplaced(one) ? (settled.find(({ urn }) => urn === one.urn) ?? one) : one;
  return {
    ...state,
    deployment: {
      ...state.deployment,
      resources: [
        ...(resources ?? []).map(inPlace),
        ...settled.filter(({ urn }) => !former.some((one) => one.urn === urn)),
      ],
      pending_operations: (pending ?? []).filter((operation) => !isCreate(operation)),
    },
  };
}

function withoutUnknown(one: Resource, isKnown: (urn: string) => boolean): Resource {
  const ifKnown = (urn: string | undefined) => (urn !== undefined && isKnown(urn) ? urn : undefined);
  return {
    ...one,
    parent: ifKnown(one.parent),
    deletedWith: ifKnown(one.deletedWith),
    dependencies: one.dependencies?.filter(isKnown),
    propertyDependencies:
      one.propertyDependencies &&
      Object.fromEntries(
        Object.entries(one.propertyDependencies).map(([key, urns]) => [key, urns?.filter(isKnown) ?? null]),
      ),
  };
}

/** Deleted by a replacement that has not made its successor yet: the next update makes it. */
function isBeingReplaced({ pendingReplacement }: Resource): boolean {
  return pendingReplacement === true;
}
