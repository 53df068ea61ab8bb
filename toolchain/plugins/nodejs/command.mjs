// @ts-check

/**
 * The command line and environment for one run of a Pulumi program, as the official language host gives them.
 *
 * The entry point is passed on as the engine gives it: `main` of Pulumi.yaml, or `.`, which the SDK's runner
 * resolves through package.json (`exports`, then `main`).
 * @param {import("@pulumi/pulumi/proto/language_pb.js").RunRequest} request
 * @param {{ engineAddress: string, runner: string }} host runner: path of the SDK's cmd/run
 * @returns {{ args: string[], env: Record<string, string> }}
 */
export function programCommand(request, { engineAddress, runner }) {
  const info = request.getInfo();
  const options = info?.getOptions()?.toJavaScript() ?? {};
  const nodeArguments =
    typeof options.nodeargs === "string" ? options.nodeargs.split(/\s+/).filter(Boolean) : [];
  /** @type {Record<string, string>} */
  const config = {};
  request.getConfigMap().forEach((value, key) => {
    config[key] = value;
  });
  return {
    args: [
      ...nodeArguments,
      runner,
      `--monitor=${request.getMonitorAddress()}`,
      `--engine=${engineAddress}`,
      `--organization=${request.getOrganization()}`,
      `--project=${request.getProject()}`,
      `--stack=${request.getStack()}`,
      `--pwd=${request.getPwd()}`,
      `--root-directory=${info?.getRootDirectory() ?? request.getPwd()}`,
      `--parallel=${request.getParallel()}`,
      ...(request.getDryrun() ? ["--dry-run"] : []),
      info?.getEntryPoint() || request.getProgram() || ".",
      ...request.getArgsList(),
    ],
    env: {
      PULUMI_CONFIG: JSON.stringify(config),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      PULUMI_NODEJS_TYPESCRIPT: String(options.typescript ?? true),
      ...(typeof options.tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig } : {}),
    },
  };
}
