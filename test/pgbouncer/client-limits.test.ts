import { describe, expect, it } from "vitest";
import { withFormerClientLimits } from "../../pgbouncer/client-limits.ts";
import type { PgBouncerIni } from "../../pgbouncer/render.ts";

type Section = Record<string, string>;
const ini = (settings: Section, database: Section = {}, user: Section = {}): PgBouncerIni => ({
  settings,
  databases: { poolkit: { host: "postgres", ...database } },
  users: { poolkit_app: user },
  peers: {},
});

describe("withFormerClientLimits", () => {
  it.each<[string, PgBouncerIni, PgBouncerIni, PgBouncerIni]>([
    [
      "keeps a limit that is lowered, and nothing else",
      ini({ max_client_conn: "200", default_pool_size: "15" }),
      ini({ max_client_conn: "50", default_pool_size: "5" }),
      ini({ max_client_conn: "200", default_pool_size: "5" }),
    ],
    [
      "raises at once",
      ini({ max_client_conn: "50" }),
      ini({ max_client_conn: "200" }),
      ini({ max_client_conn: "200" }),
    ],
    [
      "knows PgBouncer's default of 100 on both sides",
      ini({}),
      ini({ max_client_conn: "50" }),
      ini({ max_client_conn: "100" }),
    ],
    [
      "keeps what falls to the default",
      ini({ max_client_conn: "200" }),
      ini({}),
      ini({ max_client_conn: "200" }),
    ],
    [
      "takes 0 as no limit",
      ini({ max_db_client_connections: "0" }),
      ini({ max_db_client_connections: "30" }),
      ini({ max_db_client_connections: "0" }),
    ],
    [
      "leaves a new limit of an entry out",
      ini({}, {}, {}),
      ini({}, { max_db_client_connections: "30" }, { max_user_client_connections: "20" }),
      ini({}),
    ],
    [
      "keeps an entry's larger limit",
      ini({}, { max_db_client_connections: "90" }),
      ini({}, { max_db_client_connections: "30" }),
      ini({}, { max_db_client_connections: "90" }),
    ],
    [
      "keeps the limit of an entry that goes while the global one is lower",
      ini({ max_db_client_connections: "30" }, { max_db_client_connections: "90" }),
      ini({ max_db_client_connections: "30" }),
      ini({ max_db_client_connections: "30" }, { max_db_client_connections: "90" }),
    ],
    [
      "has no limit for an entry that goes while the global one is larger",
      ini({ max_db_client_connections: "90" }, { max_db_client_connections: "30" }),
      ini({ max_db_client_connections: "90" }),
      ini({ max_db_client_connections: "90" }),
    ],
    [
      "raises an entry above the global limit at once",
      ini({ max_user_client_connections: "30" }),
      ini({ max_user_client_connections: "30" }, {}, { max_user_client_connections: "60" }),
      ini({ max_user_client_connections: "30" }, {}, { max_user_client_connections: "60" }),
    ],
    [
      "keeps the global limit for a new entry below it",
      ini({ max_user_client_connections: "30" }),
      ini({ max_user_client_connections: "30" }, {}, { max_user_client_connections: "20" }),
      ini({ max_user_client_connections: "30" }, {}, { max_user_client_connections: "30" }),
    ],
    [
      "lowers both the global limit and an entry's only together",
      ini({ max_db_client_connections: "90" }, { max_db_client_connections: "60" }),
      ini({ max_db_client_connections: "40" }, { max_db_client_connections: "50" }),
      ini({ max_db_client_connections: "90" }, { max_db_client_connections: "60" }),
    ],
    [
      "takes 0 in an entry of a former version as the global limit",
      ini({ max_db_client_connections: "50" }, { max_db_client_connections: "0" }),
      ini({ max_db_client_connections: "50" }, { max_db_client_connections: "30" }),
      ini({ max_db_client_connections: "50" }, { max_db_client_connections: "50" }),
    ],
    ["changes nothing between equals", ini({ a: "1" }), ini({ a: "1" }), ini({ a: "1" })],
  ])("%s", (_what, former, wanted, held) => {
    expect(withFormerClientLimits(wanted, former)).toEqual(held);
  });

  it.each([
    ["is kept while the global one is lower", "30", { poolkit_app: { max_user_client_connections: "60" } }],
    ["is left out while the global one is larger", "90", {}],
    ["is left out while there is no global one", "0", {}],
  ])("the limit of a role whose entry goes %s", (_what, global, users) => {
    const entry = { max_user_client_connections: "60", pool_size: "5" };
    const former = ini({ max_user_client_connections: global }, {}, entry);
    const wanted = { ...ini({ max_user_client_connections: global }), users: {} };
    expect(withFormerClientLimits(wanted, former)).toEqual({ ...wanted, users });
  });

  it("leaves the limit of a role out that had no entry", () => {
    const former = { ...ini({}), users: {} };
    expect(withFormerClientLimits(ini({}, {}, { max_user_client_connections: "20" }), former).users).toEqual({
      poolkit_app: {},
    });
  });
});
