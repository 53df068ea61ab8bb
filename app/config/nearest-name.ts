/** Number of single-character edits (insert, delete, replace) between two texts. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const remove = (previous[column] ?? 0) + 1;
      const insert = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replace, remove, insert));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/**
 * The known name that `name` in all likelihood misspells; undefined where it is more likely a name of its own. In a
 * short name few edits already make another one (NPM_TOKEN is no API_TOKEN), and a first word of up to three letters
 * says whose it is: a letter may be missing or too many there, but none may be another (APP_TOKEN).
 */
export function misspeltName(name: string, known: readonly string[]): string | undefined {
  const maxEdits = name.length <= 10 ? 1 : name.length <= 16 ? 2 : 3;
  const [whose = ""] = name.split("_");
  const isOfSameOwner = (candidate: string) => {
    const [owner = ""] = candidate.split("_");
    if (owner.length > 3 || owner === whose) return true;
    return owner.length !== whose.length && editDistance(owner, whose) === 1;
  };
  return nearestName(name, known.filter(isOfSameOwner), maxEdits);
}

/** The known name nearest to `name` within `maxEdits` edits, ignoring case; undefined when none is that near. */
export function nearestName(name: string, known: readonly string[], maxEdits = 3): string | undefined {
  const ranked = known
    // Each letter that one has more is an edit: most names are out without a comparison.
    .filter((candidate) => Math.abs(candidate.length - name.length) <= maxEdits)
    .map((candidate) => ({ candidate, edits: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= maxEdits ? best.candidate : undefined;
}
