// @ts-check

/**
 * The Debian archive that this machine installs from, from the texts of apt's source files: it is what is in reach,
 * also in a closed network. Both of apt's formats are read (deb822 `.sources`, one-line `.list`). The security
 * archive has no whole suites and does not count; neither do vendors' own repositories.
 * @param {string[]} sources
 * @returns {string | undefined} undefined when none of them is a Debian archive (Ubuntu's is not)
 */
export function debianMirror(sources) {
  for (const text of sources) {
    for (const { uri, suites, components } of [...deb822(text), ...oneLine(text)]) {
      const isArchive = components.includes("main") && /^https?:/.test(uri) && !suites.includes("security");
      if (isArchive && /\/debian\/?$/.test(uri) && !uri.includes("security")) return uri.replace(/\/$/, "");
    }
  }
  return undefined;
}

/** @param {string} text */
function deb822(text) {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    /** @param {string} name */
    const field = (name) => new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(stanza)?.[1]?.trim() ?? "";
    if (field("Enabled") === "no" || !field("Types").split(/\s+/).includes("deb")) return [];
    return field("URIs")
      .split(/\s+/)
      .map((uri) => ({ uri, suites: field("Suites"), components: field("Components").split(/\s+/) }));
  });
}

/** @param {string} text */
function oneLine(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim());
    if (!match) return [];
    const [, uri = "", suites = "", components = ""] = match;
    return [{ uri, suites, components: components.split(/\s+/) }];
  });
}
