// @ts-check

/**
 * @typedef {object} EnvironmentFacts
 * @property {string} root absolute path of the checkout
 * @property {boolean} closedNetwork true for the registries' toolchain: Pulumi must not look anything up online
 * @property {{ host: string, certificates?: string } | undefined} engine set when Docker's clients would not find the
 *   engine by themselves
 */

/**
 * The text of `.poolkit/env`, for any POSIX shell: puts this checkout's tools on PATH and fills in what the user
 * has not chosen. The user's own backend, passphrase and engine stand; what another checkout's file had set does
 * not count as the user's. Sourcing it again changes nothing.
 * @param {EnvironmentFacts} facts
 */
export function renderEnvFile({ root, closedNetwork, engine }) {
  const own = `# Written by set-up (npm run setup). Use it in a POSIX shell: . .poolkit/env
# Puts pulumi, poolkit and node on PATH, with the state and the passphrase of this checkout.
if [ -n "\${POOLKIT_CHECKOUT:-}" ]; then # sourced before, perhaps in another checkout
  if [ "\${PULUMI_BACKEND_URL:-}" = "\${POOLKIT_BACKEND_URL:-}" ]; then unset PULUMI_BACKEND_URL; fi
  if [ "\${PULUMI_CONFIG_PASSPHRASE_FILE:-}" = "$POOLKIT_CHECKOUT/.poolkit/passphrase" ]; then
    unset PULUMI_CONFIG_PASSPHRASE_FILE
  fi
  if [ "\${DOCKER_HOST:-}" = "\${POOLKIT_DOCKER_HOST:-}" ]; then
    unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH
  fi
  unset POOLKIT_DOCKER_HOST
fi
export POOLKIT_CHECKOUT=${quote(root)}
# metadata=skip: Pulumi writes the state itself in one step, but not the file of attributes beside it; a kill in between
# would leave a state that cannot be read.
export POOLKIT_BACKEND_URL=${quote(`${fileUrl(`${root}/.poolkit/state`)}?metadata=skip`)}
export PULUMI_HOME="$POOLKIT_CHECKOUT/.poolkit/pulumi-home"
case "$PATH:" in
  "$POOLKIT_CHECKOUT/.poolkit/bin:"*) ;;
  *) export PATH="$POOLKIT_CHECKOUT/.poolkit/bin:$PATH" ;;
esac
# A backend of your own: PULUMI_BACKEND_URL, or pulumi login in a shell that has sourced this file.
if [ -z "\${PULUMI_BACKEND_URL:-}" ] &&
  ! grep -q '"current": *"[^"]' "$PULUMI_HOME/credentials.json" 2>/dev/null; then
  export PULUMI_BACKEND_URL="$POOLKIT_BACKEND_URL"
fi
if [ -z "\${PULUMI_CONFIG_PASSPHRASE+set}" ] && [ -z "\${PULUMI_CONFIG_PASSPHRASE_FILE+set}" ]; then
  export PULUMI_CONFIG_PASSPHRASE_FILE="$POOLKIT_CHECKOUT/.poolkit/passphrase"
fi
export PULUMI_SKIP_UPDATE_CHECK=true
# Node keeps the compiled code of the program, the SDK and the plugins: a third less time per start.
export NODE_COMPILE_CACHE="\${NODE_COMPILE_CACHE:-$POOLKIT_CHECKOUT/.poolkit/compile-cache}"
`;
  const closed = `# The official downloads are out of reach: look nothing up there.
export PULUMI_DISABLE_REGISTRY_RESOLVE=true
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
`;
  return own + (closedNetwork ? closed : "") + (engine ? renderEngine(engine) : "");
}

/** @param {{ host: string, certificates?: string }} engine */
function renderEngine({ host, certificates }) {
  const tls = certificates ? `\n  export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=${quote(certificates)}` : "";
  return `# Pulumi's docker plugin does not know docker contexts: this is the engine that set-up found.
if [ -z "\${DOCKER_HOST:-}" ]; then
  export DOCKER_HOST=${quote(host)} POOLKIT_DOCKER_HOST=${quote(host)}${tls}
fi
`;
}

/** A word of a POSIX shell that means exactly this text. @param {string} text */
export function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The file:// address of a folder as Pulumi's local backend takes it. @param {string} path */
function fileUrl(path) {
  return `file://${path.split("/").map(encodeURIComponent).join("/")}`;
}
