// @ts-check
import { request } from "./api.mjs";

/** A registry in reach starts to answer within this time; the decision that it is out of reach takes no longer. */
const FIRST_WORD_LIMIT_MS = 5_000;
/** A download that says nothing for so long has died. */
const SILENCE_LIMIT_MS = 60_000;

/**
 * Lets the engine pull an image: it is the engine's network, mirror and proxy that count, not ours.
 * @param {import("./locate.mjs").EngineAddress} address
 * @param {string} image
 * @returns {Promise<string | undefined>} why it could not be pulled; undefined when it was
 */
export async function pullImage(address, image) {
  const query = new URLSearchParams(pullQuery(image));
  try {
    const response = await request(address, "POST", `/images/create?${query}`, {
      timeoutMs: FIRST_WORD_LIMIT_MS,
    });
    return await followPull(response);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message.startsWith("no answer") ? "no registry answered within 5 s" : error.message;
  }
}

/**
 * The engine takes name and tag apart from each other; a digest is part of the name. The colon of a registry's port
 * begins no tag.
 * @param {string} image
 * @returns {Record<string, string>}
 */
export function pullQuery(image) {
  if (image.includes("@")) return { fromImage: image };
  const colon = image.indexOf(":", image.lastIndexOf("/") + 1);
  if (colon === -1) return { fromImage: image, tag: "latest" };
  return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
}

/**
 * Reads the engine's report of a pull, one JSON object a line, to its end.
 * @param {import("node:http").IncomingMessage} response
 * @returns {Promise<string | undefined>}
 */
async function followPull(response) {
  let limit = setTimeout(() => response.destroy(new Error("no answer")), FIRST_WORD_LIMIT_MS);
  let rest = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      clearTimeout(limit);
      limit = setTimeout(() => response.destroy(new Error("the download stopped")), SILENCE_LIMIT_MS);
      rest += chunk;
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const failure = failureIn(line);
        if (failure) return failure;
      }
    }
    return response.statusCode === 200 ? failureIn(rest) : (failureIn(rest) ?? `HTTP ${response.statusCode}`);
  } finally {
    clearTimeout(limit);
    response.destroy();
  }
}

/** @param {string} line */
function failureIn(line) {
  if (line.trim() === "") return undefined;
  const report = JSON.parse(line);
  return report.error ?? report.message;
}
