/** Where a value stands in a resource's properties: keys of objects and indices of lists. */
export type Path = readonly (string | number)[];

/** The path as Pulumi writes it: `console.port`, `hba[2]`, `databases["my.db"].host`. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      if (!/^[A-Za-z_$][\w$]*$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join("");
}
