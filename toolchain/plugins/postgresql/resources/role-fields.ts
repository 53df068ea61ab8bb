import type { Fields } from "../schema.ts";

/** The properties of a role. */
export const ROLE_FIELDS = {
  assumeRole: { upstream: "assume_role", type: "string" },
  bypassRowLevelSecurity: { upstream: "bypass_row_level_security", type: "bool", default: false },
  connectionLimit: { upstream: "connection_limit", type: "int", default: -1, atLeast: -1 },
  createDatabase: { upstream: "create_database", type: "bool", default: false },
  createRole: { upstream: "create_role", type: "bool", default: false },
  encrypted: {
    upstream: "encrypted",
    type: "string",
    deprecated: 'Rename PostgreSQL role resource attribute "encrypted" to "encryptedPassword"',
  },
  encryptedPassword: { upstream: "encrypted_password", type: "bool", default: true },
  /** Milliseconds. */
  idleInTransactionSessionTimeout: {
    upstream: "idle_in_transaction_session_timeout",
    type: "int",
    atLeast: 0,
  },
  inherit: { upstream: "inherit", type: "bool", default: true },
  login: { upstream: "login", type: "bool", default: false },
  name: { upstream: "name", type: "string", required: true, autonamed: true },
  password: {
    upstream: "password",
    type: "string",
    secret: true,
    conflictsWith: ["passwordWo"],
  },
  passwordWo: {
    upstream: "password_wo",
    type: "string",
    secret: true,
    writeOnly: true,
    conflictsWith: ["password"],
    requiredWith: ["passwordWo", "passwordWoVersion"],
  },
  passwordWoVersion: {
    upstream: "password_wo_version",
    type: "string",
    conflictsWith: ["password"],
    requiredWith: ["passwordWo", "passwordWoVersion"],
  },
  replication: { upstream: "replication", type: "bool", default: false },
  roles: { upstream: "roles", type: "set" },
  searchPaths: { upstream: "search_path", type: "list" },
  skipDropRole: { upstream: "skip_drop_role", type: "bool", default: false },
  skipReassignOwned: { upstream: "skip_reassign_owned", type: "bool", default: false },
  /** Milliseconds. */
  statementTimeout: { upstream: "statement_timeout", type: "int", atLeast: 0 },
  superuser: { upstream: "superuser", type: "bool", default: false },
  validUntil: { upstream: "valid_until", type: "string", default: "infinity" },
} as const satisfies Fields;
