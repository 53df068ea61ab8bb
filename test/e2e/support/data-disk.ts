import { execFileSync } from "node:child_process";
import { accessSync, closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { engine } from "./engine.ts";
import type { TestStack } from "./stack.ts";

/** Only root of a Linux where the engine keeps its volumes can lay something over one. */
export const dataDiskPossible = process.platform === "linux" && process.getuid?.() === 0;

/** Puts a copy of a stack's data on a disk of `megabytes` of its own, until `remove`; then the former data is back. */
export class DataDisk {
  readonly #folder: string;
  readonly #stack: TestStack;

  private constructor(stack: TestStack, folder: string) {
    this.#stack = stack;
    this.#folder = folder;
  }

  static async lay(stack: TestStack, megabytes: number): Promise<DataDisk> {
    const volume = await engine.getVolume(`poolkit-${stack.name}-postgres-data`).inspect();
    const disk = new DataDisk(stack, volume.Mountpoint);
    accessSync(disk.#folder);
    await stack.container("postgres").stop({ t: 20 });
    const former = `${disk.#folder}.former`;
    execFileSync("cp", ["-a", disk.#folder, former]);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "poolkit-test", disk.#folder]);
    execFileSync("cp", ["-a", `${former}/.`, disk.#folder]);
    rmSync(former, { recursive: true });
    await stack.container("postgres").start();
    return disk;
  }

  /** Leaves no byte free. Returns what takes the space back. */
  fill(): () => void {
    const filler = join(this.#folder, "filler");
    const file = openSync(filler, "w");
    try {
      for (const block of [Buffer.alloc(1 << 20), Buffer.alloc(4096)]) writeAll(file, block);
    } finally {
      closeSync(file);
    }
    return () => rmSync(filler);
  }

  async remove(): Promise<void> {
    await this.#stack.container("postgres").stop({ t: 20 });
    execFileSync("umount", [this.#folder]);
    await this.#stack.container("postgres").start();
  }
}

function writeAll(file: number, block: Buffer): void {
  try {
    for (;;) if (writeSync(file, block) < block.length) return;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}
