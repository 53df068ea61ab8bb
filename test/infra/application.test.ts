import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readApplication } from "../../infra/application.ts";
import { contextHash } from "../../infra/application-context.ts";
import { applicationKeys } from "../../infra/application-keys.ts";
import type { Problem } from "../../pgbouncer/values.ts";

let folder: string;
/** As a person names it: relative to the project, which is the working directory. */
let context: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit-context-"));
  context = relative(process.cwd(), folder);
});
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "src/deep"), { recursive: true });
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
  writeFileSync(join(folder, "src/server.mjs"), "1\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(configured: unknown) {
  const problems: Problem[] = [];
  const application = readApplication(configured, problems);
  return { application, problems };
}

describe("readApplication", () => {
  it.each([[undefined], [{}]])("takes %j for the reference application", (configured) => {
    expect(read(configured)).toEqual({ application: undefined, problems: [] });
  });

  it("takes an image and its defaults", () => {
    expect(read({ image: "registry.example/shop:1.4.2" })).toEqual({
      problems: [],
      application: {
        source: { kind: "image", image: "registry.example/shop:1.4.2" },
        port: 3000,
        healthPath: "/health",
        uid: 1000,
        memoryMegabytes: 512,
        processes: 1,
        directConnections: 2,
        environment: {},
        databaseUrlVariable: "DATABASE_URL",
        directUrlVariable: undefined,
        reloadSignal: undefined,
        migrations: undefined,
      },
    });
  });

  it("takes a folder and everything else", () => {
    const given = {
      context,
      port: 8080,
      healthPath: "/up",
      uid: 70,
      memoryMegabytes: 64,
      processes: 4,
      directConnections: 6,
      databaseUrlVariable: "PG_URL",
      directUrlVariable: "PG_DIRECT",
      reloadSignal: "SIGUSR2",
      migrations: context,
      environment: { TZ: "UTC" },
    };
    const { application, problems } = read(given);
    const { context: _, ...rest } = given;
    expect(problems).toEqual([]);
    expect(application).toEqual({ ...rest, source: { kind: "context", context, dockerfile: "Dockerfile" } });
  });

  it("has an example for every key that it would accept itself", () => {
    for (const [name, key] of Object.entries(applicationKeys)) {
      const example = /^\d+$/.test(key.example ?? "") ? Number(key.example) : key.example;
      expect(key.accepts(example ?? {}), name).toBe(true);
      if (key.fallback !== undefined) expect(key.accepts(key.fallback), name).toBe(true);
    }
  });

  const image = "a:1";
  it.each<[string, unknown, string, string]>([
    ["a list", [1], "poolkit:application", "[1]"],
    ["a text", "shop", "poolkit:application", '"shop"'],
    ["no source", { port: 8080 }, "poolkit:application", "neither image nor context"],
    ["an image with an option", { image: "--privileged" }, "poolkit:application.image", "--privileged"],
    ["an image with a space", { image: "a b" }, "poolkit:application.image", '"a b"'],
    ["an image that is a number", { image: 5 }, "poolkit:application.image", "5"],
    ["a folder that is a number", { context: 5 }, "poolkit:application.context", "5"],
    ["a folder that is not there", { context: "/no/where" }, "poolkit:application.context", '"/no/where"'],
    ["a misspelt key", { image, heathPath: "/h" }, "poolkit:application.heathPath", "an unknown key"],
    ["an inherited name", { image, constructor: 1 }, "poolkit:application.constructor", "an unknown key"],
    ["a privileged port", { image, port: 80 }, "poolkit:application.port", "80"],
    ["a port in quotes", { image, port: "8080" }, "poolkit:application.port", '"8080"'],
    ["half a port", { image, port: 8080.5 }, "poolkit:application.port", "8080.5"],
    ["a port that is null", { image, port: null }, "poolkit:application.port", "null"],
    [
      "a health path without /",
      { image, healthPath: "health" },
      "poolkit:application.healthPath",
      '"health"',
    ],
    ["a health path with a line", { image, healthPath: "/a\nb" }, "poolkit:application.healthPath", "\\n"],
    ["a health path with a query", { image, healthPath: "/a?b" }, "poolkit:application.healthPath", "/a?b"],
    ["root", { image, uid: 0 }, "poolkit:application.uid", "0"],
    ["a user's name", { image, uid: "node" }, "poolkit:application.uid", '"node"'],
    ["no memory", { image, memoryMegabytes: 0 }, "poolkit:application.memoryMegabytes", "0"],
    ["a stop signal", { image, reloadSignal: "SIGTERM" }, "poolkit:application.reloadSignal", "SIGTERM"],
    [
      "a variable with a dash",
      { image, databaseUrlVariable: "DB-URL" },
      "poolkit:application.databaseUrlVariable",
      "DB-URL",
    ],
    ["an empty variable", { image, directUrlVariable: "" }, "poolkit:application.directUrlVariable", '""'],
    ["missing migrations", { image, migrations: "/no/where" }, "poolkit:application.migrations", "/no/where"],
    ["variables as a list", { image, environment: ["A=1"] }, "poolkit:application.environment", "A=1"],
    [
      "a variable that is a number",
      { image, environment: { A: 1 } },
      "poolkit:application.environment.A",
      "1",
    ],
    [
      "a variable of two lines",
      { image, environment: { A: "1\nB=2" } },
      "poolkit:application.environment.A",
      "\\n",
    ],
    [
      "a variable's name with =",
      { image, environment: { "A=B": "1" } },
      "poolkit:application.environment.A=B",
      "no variable's",
    ],
    [
      "a variable of the kit",
      { image, environment: { PORT: "1" } },
      "poolkit:application.environment.PORT",
      "the kit sets",
    ],
    [
      "a variable that names the URL's file",
      { image, databaseUrlVariable: "DB", environment: { DB_FILE: "x" } },
      "poolkit:application.environment.DB_FILE",
      "the kit sets",
    ],
    [
      "one variable for both URLs",
      { image, databaseUrlVariable: "PG_URL", directUrlVariable: "PG_URL" },
      "poolkit:application.directUrlVariable",
      "poolkit:application.databaseUrlVariable",
    ],
    [
      "a direct URL in the pooled one's default",
      { image, directUrlVariable: "DATABASE_URL" },
      "poolkit:application.directUrlVariable",
      "poolkit:application.databaseUrlVariable",
    ],
    [
      "a URL in the variable of the health token",
      { image, databaseUrlVariable: "HEALTH_TOKEN" },
      "poolkit:application.databaseUrlVariable",
      "HEALTH_TOKEN_FILE is the kit's own",
    ],
  ])("refuses %s", (_what, configured, path, found) => {
    const { problems } = read(configured);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.found).toContain(found);
    expect(problems[0]?.allowed).not.toBe("");
    expect(problems[0]?.fix).toContain("pulumi config");
  });

  it("gives a command that mends variables that are none: one that sets an object sets a text", () => {
    const [problem] = read({ image, environment: 3 }).problems;
    expect(problem?.fix).toBe("pulumi config rm --path poolkit:application.environment");
  });

  it("passes a variable on whatever its name means to JavaScript", () => {
    const { application } = read(JSON.parse('{"image":"a:1","environment":{"__proto__":"x"}}'));
    expect(Object.entries(application?.environment ?? {})).toEqual([["__proto__", "x"]]);
  });

  it("never shows a password that was put into a variable", () => {
    const { problems } = read({ image, environment: { DATABASE_URL: "postgres://a:canary@h/d" } });
    expect(problems).toEqual([expect.objectContaining({ found: "a URL with a password" })]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  it.each([
    // A block text of YAML ends in a newline, which is refused as well.
    ["a variable of two lines", { image, environment: { REDIS_URL: "redis://u:canary@redis:6379\n" } }],
    ["a variable that is an object", { image, environment: { REDIS: { url: "redis://u:canary@redis" } } }],
    ["an image", { image: "https://u:canary@registry.example/a shop" }],
    ["a folder", { context: "https://u:canary/@x@git.example/shop" }],
  ])("never shows a password in %s", (_what, given) => {
    const { problems } = read(given);
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  it("refuses a Dockerfile that is missing or not below its folder", () => {
    const dockerfile = (name: string) => read({ context, dockerfile: name }).problems.map(({ path }) => path);
    expect(dockerfile("Dockerfile.prod")).toEqual(["poolkit:application.dockerfile"]);
    expect(dockerfile("../Dockerfile")).toEqual(["poolkit:application.dockerfile"]);
    expect(dockerfile("/etc/passwd")).toEqual(["poolkit:application.dockerfile"]);
    // That the default is not there either is no second mistake.
    rmSync(join(folder, "Dockerfile"));
    expect(dockerfile("../Dockerfile")).toEqual(["poolkit:application.dockerfile"]);
  });

  it("reports everything at once", () => {
    const { problems } = read({ image, context, port: 1, uid: 0, x: 1, environment: { A: 1 } });
    expect(problems.map(({ path }) => path).sort()).toEqual([
      "poolkit:application",
      "poolkit:application.environment.A",
      "poolkit:application.port",
      "poolkit:application.uid",
      "poolkit:application.x",
    ]);
  });
});

describe("contextHash", () => {
  const hash = () => contextHash(context, "Dockerfile");
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const flipMode = (name: string, bits: number) =>
    chmodSync(join(folder, name), statSync(join(folder, name)).mode ^ bits);

  it("is the same for the same content, whenever it was written", () => {
    const before = hash();
    write("src/server.mjs", "1\n");
    expect(hash()).toBe(before);
  });

  it.each<[string, () => void]>([
    ["a changed file", () => write("src/server.mjs", "2\n")],
    ["a new file", () => write("src/deep/new.mjs", "")],
    ["a changed Dockerfile", () => write("Dockerfile", "FROM scratch AS x\n")],
    ["an executable bit", () => chmodSync(join(folder, "src/server.mjs"), 0o755)],
    ["a file that is closed to others, or open again", () => flipMode("src/server.mjs", 0o004)],
    ["a folder that is closed to others, or open again", () => flipMode("src/deep", 0o001)],
    ["a link", () => symlinkSync("server.mjs", join(folder, "src/link.mjs"))],
    [
      "a file that moved",
      () => {
        rmSync(join(folder, "src/server.mjs"));
        write("src/deep/server.mjs", "1\n");
      },
    ],
  ])("changes with %s", (_what, change) => {
    const before = hash();
    change();
    expect(hash()).not.toBe(before);
  });

  it("does not look at what .dockerignore leaves out, but at what it takes back", () => {
    write(".dockerignore", "# notes\n*.md\nsrc/deep\n!src/deep/kept.mjs\n.dockerignore\n");
    const before = hash();
    write("notes.md", "1");
    write("src/deep/left-out.mjs", "1");
    expect(hash()).toBe(before);
    write("src/deep/kept.mjs", "1");
    expect(hash()).not.toBe(before);
  });

  it("tells capitals from small letters, as the engine does", () => {
    write(".dockerignore", "*.md\n");
    const before = hash();
    write("README.MD", "1");
    expect(hash()).not.toBe(before);
  });

  it("follows the Dockerfile's own rules in place of the common ones", () => {
    write(".dockerignore", "notes.md\n");
    write("Dockerfile.dockerignore", "src\n");
    const before = hash();
    write("src/server.mjs", "2\n");
    expect(hash()).toBe(before);
    write("notes.md", "1");
    expect(hash()).not.toBe(before);
  });

  it.each([
    ["Dockerfile", "*\n"],
    ["./Dockerfile", "Dockerfile\n"],
    ["src/Dockerfile", "src\n"],
  ])("always looks at the Dockerfile, which the engine gets in any case: %s", (dockerfile, ignored) => {
    write(".dockerignore", ignored);
    write(dockerfile, "FROM scratch\n");
    const before = contextHash(context, dockerfile);
    write(dockerfile, "FROM scratch AS x\n");
    expect(contextHash(context, dockerfile)).not.toBe(before);
  });
});
