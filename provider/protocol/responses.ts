import pb from "@pulumi/pulumi/proto/provider_pb.js";
import type { Difference } from "../model/handler.ts";
import type { PropertyProblem } from "../model/shape.ts";
import type { CallProperties } from "./calls.ts";
import { pathText } from "./paths.ts";
import type { PlainMap } from "./secrets.ts";

const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = pb.PropertyDiff.Kind;
const kinds = {
  add: { stays: ADD, replaces: ADD_REPLACE },
  delete: { stays: DELETE, replaces: DELETE_REPLACE },
  update: { stays: UPDATE, replaces: UPDATE_REPLACE },
};

/** Inputs with defaults filled in, and everything that is wrong with them. */
export function checkResponse(
  result: { inputs: PlainMap; problems: PropertyProblem[] },
  properties: CallProperties,
): pb.CheckResponse {
  const failures = result.problems.map(({ path, reason }) =>
    new pb.CheckFailure().setProperty(pathText(path)).setReason(properties.redact(reason)),
  );
  return new pb.CheckResponse().setInputs(properties.sealed(result.inputs)).setFailuresList(failures);
}

/**
 * The difference key by key. A replacement deletes first: names of volumes and containers are fixed, and the delete of
 * the former resource empties files that the new one may have written.
 */
export function diffResponse({ changes }: Difference): pb.DiffResponse {
  const response = new pb.DiffResponse();
  const { DIFF_NONE, DIFF_SOME } = pb.DiffResponse.DiffChanges;
  response.setChanges(changes.length === 0 ? DIFF_NONE : DIFF_SOME);
  response.setHasdetaileddiff(true);
  response.setDeletebeforereplace(true);
  for (const { path, kind, replaces, isInput } of changes) {
    const change = new pb.PropertyDiff().setInputdiff(isInput);
    change.setKind(kinds[kind][replaces ? "replaces" : "stays"]);
    response.getDetaileddiffMap().set(pathText(path), change);
    if (replaces) response.addReplaces(String(path[0]));
  }
  response.setDiffsList([...new Set(changes.map(({ path }) => String(path[0])))]);
  return response;
}
