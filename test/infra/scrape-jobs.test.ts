import { describe, expect, it } from "vitest";
import { readScrapeJobs } from "../../infra/scrape-jobs.ts";
import type { Problem } from "../../pgbouncer/values.ts";

function read(given: Record<string, unknown>, isObserved = true) {
  const problems: Problem[] = [];
  return { jobs: readScrapeJobs(given, isObserved, problems), problems };
}

const targets = ["db.example:9854"];

describe("readScrapeJobs", () => {
  it.each([true, false])("takes {} for no further target (observability %s)", (isObserved) => {
    expect(read({}, isObserved)).toEqual({ jobs: [], problems: [] });
  });

  it("takes targets alone, and the rest as Prometheus has it", () => {
    expect(read({ backup: { targets } })).toEqual({
      problems: [],
      jobs: [{ name: "backup", targets, metricsPath: "/metrics", scheme: "http", params: {} }],
    });
  });

  it("takes everything that a job may say", () => {
    const job = {
      targets: ["10.0.0.7:9115", "[2001:db8::7]:9115", "blackbox_exporter:1", "a.example:65535"],
      metrics_path: "/probe",
      scheme: "https",
      params: { module: ["http_2xx"], target: ["https://shop.example"], "collect[]": ["cpu", "disk"] },
    };
    const { metrics_path, ...rest } = job;
    expect(read({ [`a${"-1_".repeat(20)}`]: job })).toEqual({
      problems: [],
      jobs: [{ name: `a${"-1_".repeat(20)}`, metricsPath: metrics_path, ...rest }],
    });
  });

  it.each(["localhost.example:1", "my-localhost:1", "127.0.0.1.example:1", "x127.0.0.1:1"])(
    "takes %s, which only looks like the loopback",
    (target) => {
      expect(read({ backup: { targets: [target] } })).toMatchObject({
        jobs: [{ targets: [target] }],
        problems: [],
      });
    },
  );

  it("keeps a parameter whose name every object has", () => {
    const { jobs, problems } = read(JSON.parse('{"a":{"targets":["a:1"],"params":{"__proto__":["x"]}}}'));
    expect(problems).toEqual([]);
    expect(Object.entries(jobs[0]?.params ?? {})).toEqual([["__proto__", ["x"]]]);
  });

  const job = "poolkit:scrape.backup";
  it.each<[string, unknown, string, string]>([
    ["a list", targets, job, "db.example"],
    ["a text", "db.example:9854", job, "db.example"],
    ["null", null, job, "null"],
    ["a misspelt key", { targets, metricsPath: "/x" }, `${job}.metricsPath`, "an unknown key"],
    ["an inherited name", { targets, constructor: 1 }, `${job}.constructor`, "an unknown key"],
    ["a header", { targets, authorization: {} }, `${job}.authorization`, "an unknown key"],
    ["no targets", {}, `${job}.targets`, "nothing"],
    ["an empty list of targets", { targets: [] }, `${job}.targets`, "[]"],
    ["a target without a list", { targets: "a:1" }, `${job}.targets`, '"a:1"'],
    ["a target without a port", { targets: ["a:1", "b"] }, `${job}.targets[1]`, '"b"'],
    ["a target without a host", { targets: [":9854"] }, `${job}.targets[0]`, '":9854"'],
    ["a target that is a port", { targets: [9854] }, `${job}.targets[0]`, "9854"],
    ["port 0", { targets: ["a:0"] }, `${job}.targets[0]`, '"a:0"'],
    ["a port past the end", { targets: ["a:65536"] }, `${job}.targets[0]`, '"a:65536"'],
    ["a URL", { targets: ["http://a:1"] }, `${job}.targets[0]`, "http://a:1"],
    ["a target with a path", { targets: ["a:1/metrics"] }, `${job}.targets[0]`, "a:1/metrics"],
    ["a target with a line", { targets: ["a:1\nb:2"] }, `${job}.targets[0]`, "\\n"],
    ["a target with a space", { targets: ["a b:1"] }, `${job}.targets[0]`, "a b"],
    ["an address that is none", { targets: ["[::g]:1"] }, `${job}.targets[0]`, "[::g]"],
    ["an address without brackets", { targets: ["::1:80"] }, `${job}.targets[0]`, "::1:80"],
    ["the loopback", { targets: ["127.0.0.1:9854"] }, `${job}.targets[0]`, "Prometheus' own container"],
    ["the loopback by name", { targets: ["localhost:9854"] }, `${job}.targets[0]`, "own container"],
    ["the loopback of IPv6", { targets: ["[::1]:9854"] }, `${job}.targets[0]`, "own container"],
    ["a path without /", { targets, metrics_path: "probe" }, `${job}.metrics_path`, '"probe"'],
    ["a path with a query", { targets, metrics_path: "/a?b=c" }, `${job}.metrics_path`, "/a?b=c"],
    ["a path that is null", { targets, metrics_path: null }, `${job}.metrics_path`, "null"],
    ["a scheme in capitals", { targets, scheme: "HTTPS" }, `${job}.scheme`, '"HTTPS"'],
    ["text before an IPv6 address", { targets: ["a[::2]:1"] }, `${job}.targets[0]`, "a[::2]"],
    ["text behind an IPv6 address", { targets: ["[::2]a:1"] }, `${job}.targets[0]`, "[::2]a"],
    ["text behind a scheme", { targets, scheme: "https:" }, `${job}.scheme`, '"https:"'],
    ["another scheme", { targets, scheme: "ftp" }, `${job}.scheme`, '"ftp"'],
    ["parameters as a list", { targets, params: ["a=b"] }, `${job}.params`, "a=b"],
    ["a parameter without a list", { targets, params: { a: "b" } }, `${job}.params.a`, '"b"'],
    ["a parameter without a value", { targets, params: { a: [] } }, `${job}.params.a`, "[]"],
    ["a parameter that is a number", { targets, params: { a: ["b", 1] } }, `${job}.params.a`, '["b",1]'],
    ["a parameter of two lines", { targets, params: { a: ["b\nc"] } }, `${job}.params.a`, "\\n"],
    ["a parameter's name with a space", { targets, params: { "a b": ["c"] } }, `${job}.params.a b`, "a b"],
  ])("refuses %s", (_what, given, path, found) => {
    const { problems } = read({ backup: given });
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.found).toContain(found);
    expect(problems[0]?.allowed).not.toBe("");
    expect(problems[0]?.fix).toContain("pulumi config");
  });

  it.each([
    ["app", "a job of the kit"],
    ["pgbouncer", "a job of the kit"],
    ["postgres", "a job of the kit"],
    ["Backup", '"Backup"'],
    ["1st", '"1st"'],
    ["a.b", '"a.b"'],
    ["", '""'],
    [`a${"b".repeat(63)}`, "abbb"],
  ])("refuses the job name %j", (name, found) => {
    const { problems } = read({ [name]: { targets } });
    expect(problems).toEqual([
      expect.objectContaining({ path: `poolkit:scrape.${name}`, found: expect.stringContaining(found) }),
    ]);
  });

  it("refuses targets that nobody would ask, and says both ways out", () => {
    const { problems } = read({ backup: { targets } }, false);
    expect(problems).toEqual([
      expect.objectContaining({
        path: "poolkit:scrape",
        fix: "pulumi config set poolkit:observability true, or pulumi config rm poolkit:scrape",
      }),
    ]);
  });

  it.each<[string, unknown, string]>([
    ["no targets", undefined, "pulumi config set --path 'poolkit:scrape.backup.targets[0]' <host:port>"],
    ["an empty list", [], "pulumi config set --path 'poolkit:scrape.backup.targets[0]' <host:port>"],
    [
      "a text, which Pulumi would not make a list of",
      "a:1",
      "pulumi config rm --path 'poolkit:scrape.backup.targets', then pulumi config set --path 'poolkit:scrape.backup.targets[0]' <host:port>",
    ],
    [
      "a second target that is none",
      ["a:1", "b"],
      "pulumi config set --path 'poolkit:scrape.backup.targets[1]' <host:port>",
    ],
  ])("says how to mend %s", (_, given, fix) => {
    expect(read({ backup: { targets: given } }).problems).toMatchObject([{ fix }]);
  });

  it("names the nearest key", () => {
    const { problems } = read({ backup: { targets, param: {} } });
    expect(problems[0]?.fix).toContain("did you mean poolkit:scrape.backup.params?");
  });

  it("never shows a password", () => {
    const { problems } = read({
      one: { targets: ["user:canary@db.example:9854"] },
      two: { targets, params: { target: ["https://shop.example", "https://user:canary@shop.example"] } },
    });
    expect(problems.map(({ found }) => found)).toEqual(["an address with a login", "a URL with a password"]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  it("never shows a password in what is refused for another reason", () => {
    const { problems } = read({
      one: { targets: "user:canary@db.example:9854" },
      two: "user:canary@db.example:9854",
      three: { targets: [["user:canary@db.example:9854"]] },
      four: { targets, params: { target: ["https://user:canary@shop.example\n"] } },
      five: { targets, params: { target: "https://user:canary@shop.example" } },
      six: { targets, metrics_path: "https://user:canary@shop.example/metrics" },
    });
    expect(problems).toHaveLength(6);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  it("reports everything at once", () => {
    const { problems } = read(
      { App: { targets: ["a", "b:1"], scheme: 1, metrics_path: 2, params: { a: 1, b: 2 }, x: 3 }, b: 4 },
      false,
    );
    expect(problems.map(({ path }) => path).sort()).toEqual([
      "poolkit:scrape",
      "poolkit:scrape.App",
      "poolkit:scrape.App.metrics_path",
      "poolkit:scrape.App.params.a",
      "poolkit:scrape.App.params.b",
      "poolkit:scrape.App.scheme",
      "poolkit:scrape.App.targets[0]",
      "poolkit:scrape.App.x",
      "poolkit:scrape.b",
    ]);
  });
});
