import { describe, expect, it } from "vitest";
import { watchSeconds } from "../../cli/commands/inspect.ts";
import { pick, renderLook, renderTable } from "../../cli/inspect/render.ts";
import { tableNames, tableOf } from "../../cli/inspect/tables.ts";

describe("renderTable", () => {
  it("puts numbers to the right, texts to the left, and no space at the end of a line", () => {
    const rows = [
      { pid: 7, usename: "poolkit_app", blocked_by: [12, 13], wait_s: 1.5 },
      { pid: 1234, usename: "x", blocked_by: null, wait_s: null },
    ];
    expect(renderTable(["pid", "usename", "wait_s", "blocked_by"], rows)).toBe(
      [" pid  usename      wait_s  blocked_by", "   7  poolkit_app     1.5  12,13", "1234  x"].join("\n"),
    );
  });

  it("says that there is no row", () => {
    expect(renderTable(["pid", "state"], [])).toBe("pid  state\n(no rows)");
  });

  it("keeps what clients chose on its line, without what a terminal would obey, and not too long", () => {
    const rows = [{ application_name: `a\x1b[2J\nb${"x".repeat(200)}` }];
    const [, line = "", ...more] = renderTable(["application_name"], rows).split("\n");
    expect(more).toEqual([]);
    expect(line).toMatch(/^a \[2J bx+…$/);
    expect(line).toHaveLength(100);
  });
});

describe("pick", () => {
  it("takes the columns in their order, null where the source has none, and nothing else", () => {
    expect(JSON.stringify(pick(["b", "a", "c"], { a: 0, b: "x", d: "secret" }))).toBe(
      '{"b":"x","a":0,"c":null}',
    );
  });
});

describe("tableOf", () => {
  it.each(tableNames)("%s names no column twice, and asks for no text of a statement", (name) => {
    const { columns, sql } = tableOf(name, {});
    expect(new Set(columns).size).toBe(columns.length);
    expect(columns).not.toContain("query");
    expect(sql).not.toMatch(/\bquery\b/);
  });

  it.each(tableNames)("%s asks who knows it, for each column that it shows", (name) => {
    const { columns, source, sql } = tableOf(name, { showSql: true });
    const isShow = /^SHOW \w+$/.test(sql);
    expect(source).toBe(isShow ? "consoleUrl" : "monitorUrl");
    for (const column of columns) {
      expect(column).toMatch(/^\w+$/);
      if (!isShow) expect(sql).toMatch(new RegExp(`(, |AS |\\.|SELECT )${column}\\b`));
    }
  });

  it("shows texts of statements, and idle sessions, only to those who ask for them", () => {
    expect(tableOf("queries", { showSql: true }).columns.at(-1)).toBe("query");
    expect(tableOf("queries", { showSql: true }).sql).toMatch(/AS blocked_by, query\n/);
    expect(tableOf("queries", {}).sql).toContain("AND state <> 'idle'");
    expect(tableOf("queries", { all: true }).sql).not.toContain("'idle'");
  });
});

describe("a look of --watch", () => {
  const at = new Date("2026-11-01T09:00:00Z");
  const table = renderTable(["database", "cl_waiting"], [{ database: "x".repeat(60), cl_waiting: 3 }]);

  it("fits into the terminal, line by line, and takes the place of the one before", () => {
    const [stamp, heading, row, rest] = renderLook(at, table, 30).split("\n");
    expect(stamp).toBe("\x1b[H\x1b[2J2026-11-01T09:00:00.000Z");
    expect(heading).toBe(`database${" ".repeat(21)}…`);
    expect(row).toBe(`${"x".repeat(29)}…`);
    expect(rest).toBe("");
  });

  it("is whole where it fits, where the terminal's width is unknown and in a file", () => {
    expect(renderLook(at, table, 72)).toContain(table);
    expect(renderLook(at, table, 0)).toContain(table);
    expect(renderLook(at, table, undefined)).toBe(`2026-11-01T09:00:00.000Z\n${table}\n\n`);
  });
});

describe("the seconds of --watch", () => {
  it.each([
    [undefined, undefined],
    [true, 2],
    ["1", 1],
    ["2.5", 2.5],
    ["3600", 3600],
  ] as const)("%s", (watch, seconds) => {
    expect(watchSeconds(watch)).toBe(seconds);
  });

  it.each(["0", "0.9", "3601", "0x10", "1e3", " 5", "+5", "", "Infinity"])("refuses %j", (watch) => {
    expect(() => watchSeconds(watch)).toThrow(/--watch .*: a number of seconds from 1 to 3600/);
  });
});
