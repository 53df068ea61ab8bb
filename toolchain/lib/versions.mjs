// @ts-check

/** @typedef {[number, number, number]} Version major, minor, patch */

/**
 * The first `x.y` or `x.y.z` in a text (`v24.12.0`, `go1.26.8`, `3.259.0-alpha`), or undefined when there is none.
 * @param {string} text
 * @returns {Version | undefined}
 */
export function parseVersion(text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/**
 * Negative, zero or positive as `a` is older than, equal to or newer than `b`.
 * @param {Version} a
 * @param {Version} b
 */
export function compareVersions(a, b) {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/**
 * Whether a version satisfies a range of comparisons that must all hold, the form that Pulumi.yaml's
 * `requiredPulumiVersion` and package.json's `engines` use here: `>=3.249.0 <4`. Anything else in the range throws:
 * a range that is not understood must not pass as satisfied.
 * @param {Version} version
 * @param {string} range
 */
export function inRange(version, range) {
  const comparisons = range
    .trim()
    .replaceAll(/([<>=])\s+/g, "$1")
    .split(/[\s,]+/);
  return comparisons.every((comparison) => {
    const match = /^(>=|<=|>|<|=)?v?(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(comparison);
    if (!match) throw new Error(`version range not understood: "${range}"`);
    const order = compareVersions(version, [Number(match[2]), Number(match[3] ?? 0), Number(match[4] ?? 0)]);
    switch (match[1]) {
      case ">=":
        return order >= 0;
      case "<=":
        return order <= 0;
      case ">":
        return order > 0;
      case "<":
        return order < 0;
      default:
        return order === 0;
    }
  });
}
