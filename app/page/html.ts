/** Text that stands in a document as it is. Only the `html` tag makes it, so that everything else gets escaped. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in `${…}`: text is escaped, null and undefined are nothing, parts made by `html` stand as they are. */
export type Content = string | number | null | undefined | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Makes text harmless between tags and inside quoted attributes. Characters that reorder or hide text (bidirectional
 * controls) are left out too: a client's name must not change how the rest of a line reads.
 */
function escapeText(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
}

function rendered(content: Content): string {
  if (content === null || content === undefined) return "";
  if (content instanceof Html) return content.toString();
  if (typeof content === "object") return content.map(String).join("");
  return escapeText(String(content));
}

/** Makes a piece of a document. Attribute values must be quoted in the template. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const text = parts.map((part, index) => part + (index < contents.length ? rendered(contents[index]) : ""));
  return new Html(text.join(""));
}
