import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { eventually } from "../../support/load.ts";
import { engine } from "./engine.ts";

/** The second engine needs root of a Linux and the programs of an engine that runs here, not in a virtual machine. */
export const smallEnginePossible =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  ["/usr/bin/dockerd", "/usr/sbin/dockerd"].some(existsSync) &&
  existsSync("/usr/bin/unshare");

/** A second Docker Engine whose disk is `megabytes` of memory, in namespaces of its own: it has no network. */
export class SmallEngine {
  readonly host: string;
  readonly docker: Docker;
  readonly #directory: string;
  readonly #child;

  private constructor(megabytes: number) {
    this.#directory = mkdtempSync(join(tmpdir(), "poolkit-engine-"));
    const at = (name: string) => join(this.#directory, name);
    this.host = `unix://${at("docker.sock")}`;
    this.docker = new Docker({ socketPath: at("docker.sock") });
    mkdirSync(at("disk"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "poolkit-test", at("disk")]);
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const dockerd = ["dockerd", "-H", this.host, "--data-root", at("disk"), "--exec-root", at("exec")];
    this.#child = spawn("unshare", [...namespaces, ...dockerd, "--pidfile", at("pid")], { stdio: "ignore" });
  }

  /** Starts one that has `image`, taken from the engine of the tests. Call `stop()` in `afterAll` or `finally`. */
  static async start(megabytes: number, image: string): Promise<SmallEngine> {
    const small = new SmallEngine(megabytes);
    try {
      await eventually(() => small.docker.ping().then(Boolean, () => false), { what: "the second engine" });
      const loading = await small.docker.loadImage(await engine.getImage(image).get());
      await new Promise((resolve, reject) => loading.on("end", resolve).on("error", reject).resume());
      await small.docker.getImage(image).inspect();
      return small;
    } catch (error) {
      await small.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("close", resolve));
      this.#child.kill("SIGKILL"); // takes all of its namespace with it
      await ended;
    }
    execFileSync("umount", [join(this.#directory, "disk")]);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
