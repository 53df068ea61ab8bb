/** Directions of imports between rooms, as data; `npm run lint` checks them. See docs/architecture.md. */
const room = (name) => `^${name}/`;
const forbid = (from, to, comment) => ({
  name: `${from}-never-imports-${to.replaceAll("|", "-")}`,
  comment,
  severity: "error",
  from: { path: room(from) },
  to: { path: `^(${to})/` },
});

/** Rooms of the application, and which of the others each may import. */
const appRooms = {
  config: [],
  database: ["config"],
  health: ["config", "database"],
  processing: ["config", "database"],
  requests: ["database"],
  lifecycle: ["config", "database", "health", "requests"],
  log: ["config", "database", "health"],
  metrics: ["config", "database", "health", "processing"],
  page: ["health", "requests"],
  routes: ["database", "health", "log", "metrics", "page", "processing", "requests"],
};
const appDirections = Object.entries(appRooms).map(([name, others]) => ({
  name: `app-${name}-imports-only-${others.join("-") || "nothing"}`,
  comment: "settings, then the database layer, then what uses it, then what shows it",
  severity: "error",
  from: { path: `^app/${name}/` },
  to: { path: `^app/(?!(${[name, ...others, "generated"].join("|")})/)` },
}));

export default {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "nothing-imports-tests",
      severity: "error",
      from: { pathNot: "^(test|bench)/" },
      to: { path: "^test/" },
    },
    forbid("pgbouncer", "infra|provider|app|cli|toolchain|postgres", "PgBouncer as code is pure text"),
    forbid(
      "observability",
      "infra|provider|pgbouncer|app|cli|toolchain|postgres",
      "rules and configuration of Prometheus are pure text",
    ),
    forbid("app", "infra|provider|pgbouncer|cli|toolchain", "the application meets infra only in a contract"),
    ...appDirections,
    forbid("infra", "app|cli|toolchain", "the program never loads what it deploys"),
    forbid("provider", "infra|app|cli|toolchain", "the plugin knows nothing of the program"),
    forbid("cli", "app|provider|toolchain", "the command talks to Pulumi and to the health endpoint"),
    forbid(
      "toolchain",
      "infra|provider|pgbouncer|app|cli|postgres",
      "set-up runs before anything is installed",
    ),
    {
      name: "infra-sees-only-the-sdk-of-the-provider",
      severity: "error",
      from: { path: room("infra") },
      to: { path: "^provider/(?!sdk/)" },
    },
    {
      name: "only-infra-and-the-sdk-know-pulumi-resources",
      comment: "plugins speak the protocol (@pulumi/pulumi/proto) and never load the SDK",
      severity: "error",
      from: { pathNot: "^(infra|provider/sdk|test|bench)/" },
      to: { path: "node_modules/@pulumi/(docker|postgresql|pulumi/(?!proto))" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(app/dist|app/generated|\\.poolkit)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".mjs", ".js", ".json"] },
  },
};
