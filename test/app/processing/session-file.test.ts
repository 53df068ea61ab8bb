import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_REJECTIONS, SessionFile } from "../../../app/processing/session-file.ts";

const HEADER = "external_id,started_at,ended_at,transcript\n";
const START = "2026-11-01T09:00:00Z";
const good = (id: string) => `${id},${START},,\n`;

/** Reads a whole file in pieces of `size` bytes and returns what came of it. */
async function read(content: string | Buffer, { size = 64 * 1024, maxRows = 1000 } = {}) {
  const file = new SessionFile(maxRows);
  const bytes = Buffer.from(content);
  let code: string | null = null;
  let message = "";
  try {
    for (let at = 0; at < bytes.length; at += size) await file.write(bytes.subarray(at, at + size));
    await file.end();
  } catch (error) {
    ({ code, message } = error as { code: string; message: string });
  }
  const { rejected, rejections } = file;
  return { rows: file.takeRows(), rejected, rejections, code, message };
}

describe("SessionFile", () => {
  it("reads rows with quotes, line ends within fields, and empty optional fields", async () => {
    const { rows, rejected, code } = await read(
      `${HEADER}a,${START},2026-11-01T10:00:00+01:00,"[t] User: ""hi"",\r\nthere"\nb,2026-11-01T09:00:00.5+02:00,,`,
    );
    expect({ rejected, code }).toEqual({ rejected: 0, code: null });
    expect(rows).toEqual([
      {
        external_id: "a",
        started_at: "2026-11-01T09:00:00.000Z",
        ended_at: "2026-11-01T09:00:00.000Z",
        transcript: '[t] User: "hi",\r\nthere',
      },
      { external_id: "b", started_at: "2026-11-01T07:00:00.500Z", ended_at: null, transcript: null },
    ]);
  });

  it.each([
    ["a BOM", `\uFEFF${HEADER}${good("a")}`],
    ["CRLF", `${HEADER}${good("a")}`.replaceAll("\n", "\r\n")],
    ["other column order, optional columns left out", `started_at,external_id\n${START},a\n`],
    ["no line end at the end", `external_id,started_at\na,${START}`],
    ["blank lines", `${HEADER}\n\n${good("a")}\n`],
  ])("takes a file with %s", async (_what, content) => {
    const { rows, rejected, code } = await read(content);
    expect({ ids: rows.map((row) => row.external_id), rejected, code }).toEqual({
      ids: ["a"],
      rejected: 0,
      code: null,
    });
  });

  it.each<[string, string | Buffer, string]>([
    ["an empty file", "", "empty_file"],
    ["a missing column", "external_id,ended_at\n", "invalid_header"],
    ["an unknown column", "external_id,started_at,color\n", "invalid_header"],
    ["a column twice", "external_id,started_at,external_id\n", "invalid_header"],
    ["semicolons", "external_id;started_at\n", "invalid_header"],
    ["rows without a header", good("a"), "invalid_header"],
    ["UTF-16", Buffer.from(`\uFEFF${HEADER}`, "utf16le").swap16(), "invalid_header"],
    ["a quote that is never closed", `${HEADER}${good("a")}b,${START},,"cut`, "unclosed_quote"],
    ["a row without end", `${HEADER}${good("a")}b,${START},,"${"x".repeat(5_000_000)}`, "row_too_large"],
    ["too many rows", HEADER + good("a").repeat(1001), "too_many_rows"],
    ["too many bad rows", `${HEADER}${"x\n".repeat(1001)}`, "too_many_rows"],
  ])("refuses %s", async (_what, content, code) => {
    expect((await read(content)).code).toBe(code);
  });

  it("keeps the good rows before the end of what can be read, and says where that is", async () => {
    const { rows, message } = await read(`${HEADER}${good("a")}${good("b")}c,${START},,"cut\noff\n`);
    expect(rows.map((row) => row.external_id)).toEqual(["a", "b"]);
    expect(message).toBe("the file ends inside a quoted field that begins on line 4; was it cut off?");
  });

  it.each([
    ["blank lines", "\n"],
    ["blank lines with CRLF", "\r\n"],
  ])(
    "ends with so many bytes of %s as no row may have, whatever the file has behind them",
    async (_what, end) => {
      const file = new SessionFile(1000);
      await file.write(Buffer.from(`${HEADER}${good("a")}`));
      const piece = Buffer.from(end.repeat((64 * 1024) / end.length));
      let pieces = 0;
      const readOn = async () => {
        for (; pieces < 320; pieces++) await file.write(piece); // 20 MiB
      };
      await expect(readOn()).rejects.toMatchObject({
        code: "row_too_large",
        message: "no row ends within 4194304 bytes from line 3 on; is a quote never closed?",
      });
      // As much as one row may have, and no more of it is kept.
      expect(pieces).toBe(64);
      expect(file.takeRows().map((row) => row.external_id)).toEqual(["a"]);
    },
  );

  it.each([3 * 64 * 1024, 64 * 1024 + 1])(
    "counts blank lines as part of the row behind them, in pieces of %d bytes",
    async (size) => {
      const megabytes = (count: number) => "\n".repeat(count * 1024 * 1024);
      const { rows, code, rejections } = await read(
        `${HEADER}${megabytes(3)}${good("a")}${megabytes(3)}x\n${megabytes(5)}${good("b")}`,
        { size },
      );
      expect(rows.map((row) => row.external_id)).toEqual(["a"]);
      expect(code).toBe("row_too_large");
      expect(rejections.map(({ line }) => line)).toEqual([6 * 1024 * 1024 + 3]);
    },
  );

  it("keeps blank lines within a quoted field", async () => {
    const blank = "\n".repeat(900_000);
    const { rows, code } = await read(`${HEADER}a,${START},,"${blank}"\n`);
    expect(code).toBeNull();
    expect(rows[0]?.transcript).toBe(blank);
  });

  const BAD: [string, string, RegExp][] = [
    ["too few fields", `x,${START}\n`, /^has 2 fields; the first line names 4$/],
    ["too many fields", `x,${START},,,\n`, /^has 5 fields/],
    ["no identifier", `,${START},,\n`, /^external_id: must not be empty$/],
    ["an identifier that is too long", `${"x".repeat(201)},${START},,\n`, /^external_id: .*at most 200/],
    [
      "a transcript that is too long",
      `x,${START},,${"x".repeat(1_000_001)}\n`,
      /^transcript: .*at most 1000000/,
    ],
    ["no time", "x,yesterday,,\n", /^started_at: must be a time with offset/],
    ["a time without offset", "x,2026-11-01T09:00:00,,\n", /^started_at: must be a time with offset/],
    ["a day that does not exist", "x,2026-02-30T09:00:00Z,,\n", /^started_at: must be a time/],
    ["a year that Postgres refuses", "x,0000-01-01T09:00:00Z,,\n", /^started_at: .*years 1900 to 9999/],
    ["an end that is no time", `x,${START},later,\n`, /^ended_at: must be a time with offset/],
    [
      "an end before its start",
      `x,${START},2026-11-01T08:00:00Z,\n`,
      /^ended_at: must not be before started_at$/,
    ],
    ["a NUL", `x,${START},,a\0b\n`, /^transcript: must not contain the character NUL$/],
    ["two problems", ",yesterday,,\n", /^external_id: .*; started_at: /],
    ["a quote inside a field", `x"y,${START},,\n`, /quoted as a whole/],
    ["a quote that is not doubled", `x,${START},,"say "hi" now"\n`, /must be doubled/],
  ];

  it.each(BAD)("names a row with %s, and takes those around it", async (_what, row, reason) => {
    const { rows, rejected, rejections, code } = await read(`${HEADER}${good("a")}\n${row}${good("b")}`);
    expect(rows.map(({ external_id }) => external_id)).toEqual(["a", "b"]);
    expect({ rejected, code }).toEqual({ rejected: 1, code: null });
    expect(rejections).toEqual([{ line: 4, reason: expect.stringMatching(reason) }]);
  });

  it("names a row with bytes that are not UTF-8", async () => {
    const row = Buffer.concat([Buffer.from("x"), Buffer.from([0xc3, 0x28]), Buffer.from(`,${START},,\n`)]);
    const { rejections, rows } = await read(
      Buffer.concat([Buffer.from(HEADER), row, Buffer.from(good("b"))]),
    );
    expect(rejections).toEqual([{ line: 2, reason: "external_id: holds bytes that are not UTF-8" }]);
    expect(rows).toHaveLength(1);
  });

  it.each([1, 3, 64, 1 << 16])(
    "tells the character U+FFFD from bytes that are not UTF-8, in pieces of %d",
    async (size) => {
      const sure = (id: string, text: string) => Buffer.from(`${id},${START},,"${text}"\r\n`);
      const broken = (id: string) =>
        Buffer.concat([
          Buffer.from(`${id},${START},,"\uFFFD`),
          Buffer.from([0xe2, 0x82]),
          Buffer.from(`"\n`),
        ]);
      const { rows, rejections } = await read(
        Buffer.concat([
          Buffer.from(`\uFEFF${HEADER}`),
          sure("a", "It came as \uFFFD to us"),
          broken("b"),
          sure("c", "\uFFFD"),
          Buffer.from(`x"y,${START},,\n`),
          sure("d", "\uFFFD\n\uFFFD"),
          broken("e"),
          Buffer.from("\n\n"),
          sure("f\uFFFD", ""),
        ]),
        { size },
      );
      expect(rows.map((row) => row.external_id)).toEqual(["a", "c", "d", "f\uFFFD"]);
      expect(rows[2]?.transcript).toBe("\uFFFD\n\uFFFD");
      expect(rejections).toEqual([
        { line: 3, reason: "transcript: holds bytes that are not UTF-8" },
        { line: 5, reason: expect.stringContaining("quote") },
        { line: 8, reason: "transcript: holds bytes that are not UTF-8" },
      ]);
    },
  );

  // Pieces of every size: no row, quote, line end or character may depend on where a piece ends.
  it.each([1, 2, 3, 7, 64, 1 << 16])("comes to the same in pieces of %d bytes", async (size) => {
    const long = (id: string) => `${id},${START},,"line one\r\nline ""two""\r\n\r\nünï©ode 🎈"\r\n`;
    const bad = BAD.filter(([, row]) => row.length < 1000).map(([, row]) => row);
    const content = `\uFEFF${HEADER}${long("a")}${bad.map((row, index) => `${row}\n${long(`g${index}`)}`).join("")}`;
    const { rows, rejections, code } = await read(content, { size });
    expect(code).toBeNull();
    expect(rows).toHaveLength(bad.length + 1);
    expect(rows.every((row) => row.transcript?.endsWith("ünï©ode 🎈"))).toBe(true);
    // Header, then 4 lines of a good row; each bad row has one line, is followed by a blank one and 4 of a good row.
    expect(rejections.map(({ line }) => line)).toEqual(bad.map((_, index) => 6 + 6 * index));
  });

  it.each([1, 1 << 16])(
    "counts a row once that has several complaints after a blank line, in pieces of %d bytes",
    async (size) => {
      const { rows, rejected, rejections } = await read(
        `${HEADER}s1,${START},,[t] User: Where is it?\n\n[t] Assistant: Under "Documents" in your account.\n${good("s2")}`,
        { size },
      );
      expect(rows.map((row) => row.external_id)).toEqual(["s1", "s2"]);
      expect([rejected, rejections.map(({ line }) => line)]).toEqual([1, [4]]);
    },
  );

  it("names no line twice, whatever the file", async () => {
    const part = fc.constantFrom("\n", '"', ",", "a", `x,${START},,`, `x,${START},,\n`, "\r\n");
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
        const { rejections } = await read(`${HEADER}${parts.join("")}`);
        const lines = rejections.map(({ line }) => line);
        expect(new Set(lines).size).toBe(lines.length);
      }),
      { numRuns: 500 },
    );
  });

  it("names the first rejections and counts all", async () => {
    const { rejected, rejections } = await read(`${HEADER}${"x\n".repeat(900)}`);
    expect(rejected).toBe(900);
    expect(rejections).toHaveLength(MAX_REJECTIONS);
    expect(rejections.at(-1)?.line).toBe(MAX_REJECTIONS + 1);
  });
});
