import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prometheusYaml, rulesYaml } from "../../observability/config.ts";
import { alertRules } from "../../observability/rules.ts";
import { freePort } from "../support/free-port.ts";
import { eventually } from "../support/load.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { projectImage } from "./support/images.ts";
import { makePlace, type Place } from "./support/place.ts";
import { type Properties, secret, startPlugin, type TestPlugin } from "./support/plugin.ts";

const type = "PrometheusConfig";
const token = "canary-metrics-token-17";

describe.skipIf(!(await engineAvailable()))("PrometheusConfig on a running Prometheus", () => {
  let plugin: TestPlugin;
  let place: Place;
  let image: string;
  let state: Properties;
  let current: Properties;

  beforeAll(async () => {
    image = await projectImage("observability/image", "prometheus");
    place = await makePlace();
    plugin = await startPlugin();
    current = inputs(rules(15));
    ({ state } = await plugin.create(type, current));
    await place.start(image, 9090);
    await eventually(async () => (await runningRules()).includes("/ 15 >"), { timeoutMs: 30_000 });
  });
  afterAll(async () => {
    await plugin?.stop();
    await place?.remove();
  });

  function inputs(rulesFile: string, further: Record<string, string> = {}): Properties {
    const targets = {
      app: { address: "app:3000", token },
      pgbouncer: "pgbouncer-exporter:9127",
      postgres: "postgres-exporter:9187",
    };
    return {
      volumeName: place.volumeName,
      containerName: place.containerName,
      image,
      uid: 65532,
      gid: 65532,
      files: secret({
        "prometheus.yml": prometheusYaml(targets, { stack: "test" }),
        "poolkit.rules.yml": rulesFile,
        "further.txt": token,
        ...further,
      }),
      url: `http://127.0.0.1:${place.hostPort}`,
    };
  }

  function rules(poolSize: number): string {
    const timeouts = { queryWaitTimeoutSeconds: 5, poolTimeoutSeconds: 10 };
    const pool = { database: "poolkit", user: "poolkit_app", ...timeouts, poolSize };
    return rulesYaml(alertRules({ pools: [pool], hasApplicationMetrics: true }));
  }

  async function runningRules(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${place.hostPort}/api/v1/rules`).catch(() => undefined);
    return (await answer?.text())?.replaceAll("\\u003e", ">") ?? "";
  }

  it("writes its files for Prometheus' user alone", async () => {
    const files = await place.files();
    expect(Object.keys(files)).toEqual(expect.arrayContaining(["further.txt", "prometheus.yml"]));
    for (const file of Object.values(files))
      expect(file).toMatchObject({ owner: "65532:65532", mode: "400" });
  });

  it("has evaluated the new rules when a change is done", async () => {
    const news = inputs(rules(30));
    const { state: planned } = await plugin.create(type, news, true);
    state = await plugin.update(type, "id", state, current, news);
    current = news;
    expect(state.revision).toBe(planned.revision);
    expect(await runningRules()).toContain("/ 30 >");
  });

  it("puts the former files back and tells Prometheus' reason when it refuses them", async () => {
    const before = await place.files();
    const broken = inputs(rules(30).replace(/(pg_up.*) == 0/, "$1 == ("), { "new-token": token });
    const refused = plugin.update(type, "id", state, current, broken);
    await expect(refused).rejects.toThrow(/it refused the files: .*parse error/);
    await expect(refused).rejects.toThrow(/the former configuration is back/);
    await expect(refused).rejects.not.toThrow(token);
    // What was not there before is empty: the engine cannot remove a file.
    const { "new-token": added, ...others } = await place.files();
    expect(added?.content).toBe("");
    expect(others).toEqual(before);
    expect(await runningRules()).toContain("/ 30 >");
    // And the next change is taken.
    const news = inputs(rules(20));
    state = await plugin.update(type, "id", state, current, news);
    current = news;
    expect(await runningRules()).toContain("/ 20 >");
  });

  it("reads back under the former address while the container still has that one", async () => {
    const news = { ...inputs(rules(25)), url: `http://127.0.0.1:${await freePort()}` };
    state = await plugin.update(type, "id", state, current, news);
    expect(await runningRules()).toContain("/ 25 >");
    current = inputs(rules(20));
    state = await plugin.update(type, "id", state, news, current);
    expect(await runningRules()).toContain("/ 20 >");
  });

  it("sees an edited file", async () => {
    await place.edit("poolkit.rules.yml", rules(99));
    const read = await plugin.read(type, "id", state, current);
    expect(await plugin.diff(type, read.state, read.inputs, current)).not.toEqual({});
    state = await plugin.update(type, "id", read.state, read.inputs, current);
    expect((await place.files())["poolkit.rules.yml"]?.content).toBe(rules(20));
  });

  it("leaves no secret behind", async () => {
    await plugin.delete(type, "id", state, current);
    expect(Object.values(await place.files()).map(({ content }) => content)).not.toContain(token);
  });
});
