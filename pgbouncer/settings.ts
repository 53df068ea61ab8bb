import type { ChangeClass, ValueKind } from "./values.ts";

/** One setting of the `[pgbouncer]` section. */
export interface Setting {
  readonly kind: ValueKind;
  /** PgBouncer's own default as `SHOW CONFIG` prints it. */
  readonly default: string;
  readonly change: ChangeClass;
  /** What it does, in one line. */
  readonly about: string;
  /**
   * Release that brought it, as PgBouncer's changelog names it. `<=`: the changelog names none, and the manual of that
   * release has it already. Empty: it is in neither.
   */
  readonly since: string;
}

const maxInteger = 2_147_483_647;
const seconds: ValueKind = { type: "seconds", max: 31_536_000 };
const flag: ValueKind = { type: "flag" };
const text: ValueKind = { type: "text" };
const integer = (min: number, max: number, unit = ""): ValueKind => ({ type: "integer", min, max, unit });
const connections = integer(0, 1_000_000, "connections");
const choice = (...values: string[]): ValueKind => ({ type: "choice", values });
const sslModes = choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full");

const setting =
  (change: ChangeClass) =>
  (kind: ValueKind, defaultValue: string, about: string, since = ""): Setting => ({
    kind,
    default: defaultValue,
    change,
    about,
    since,
  });
const live = setting("reload");
const newServers = setting("reconnect");
const atStart = setting("restart");

const authQuery =
  "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1 AND rolcanlogin";

/** Every setting of PgBouncer 1.26; an integration test holds names, defaults and `changeable` equal to SHOW CONFIG. */
export const pgbouncerSettings: Readonly<Record<string, Setting>> = {
  admin_users: live(text, "", "users with every right on the console, separated by commas", "<= 1.1"),
  application_name_add_host: newServers(flag, "0", "adds the client's address to application_name", "1.6"),
  auth_dbname: live(text, "", "database in which auth_query runs", "1.19"),
  auth_file: live(text, "", "file of user names and verifiers", "<= 1.1"),
  auth_hba_file: live(text, "", "access rules when auth_type is hba", "1.7"),
  auth_ident_file: live(text, "", "map of names for certificates and peers", "1.23"),
  auth_ldap_options: live(text, "", "LDAP options when auth_type is ldap", "1.25"),
  auth_query: live(text, authQuery, "query for a user's verifier; costs a pool per database", "1.6"),
  auth_type: live(
    choice("any", "trust", "plain", "md5", "cert", "hba", "ldap", "pam", "scram-sha-256"),
    "md5",
    "how clients prove who they are",
    "<= 1.1",
  ),
  auth_user: live(text, "", "user that runs auth_query", "1.8"),
  autodb_idle_timeout: live(
    seconds,
    "3600",
    "frees a database made on the fly after that idle time",
    "<= 1.3",
  ),
  cancel_wait_timeout: live(seconds, "10", "longest wait of a cancel request", "1.19"),
  client_idle_timeout: live(
    seconds,
    "0",
    "closes idle clients; 0 = never; must exceed the application's own",
    "<= 1.1",
  ),
  client_login_timeout: live(seconds, "60", "closes clients that have not logged in by then", "1.0"),
  client_tls13_ciphers: live(text, "", "TLS 1.3 ciphers towards clients", "1.25"),
  client_tls_ca_file: live(text, "", "certificates that client certificates are checked against", "1.7"),
  client_tls_cert_file: live(text, "", "certificate shown to clients", "1.7"),
  client_tls_ciphers: live(text, "default", "TLS 1.2 ciphers towards clients", "1.7"),
  client_tls_dheparams: live(text, "auto", "DHE key exchange", "1.7"),
  client_tls_ecdhcurve: live(text, "auto", "ECDH curve", "1.7"),
  client_tls_key_file: live(text, "", "key of the certificate shown to clients", "1.7"),
  client_tls_protocols: live(text, "secure", "TLS versions towards clients", "1.7"),
  client_tls_sslmode: live(sslModes, "disable", "TLS from clients", "1.7"),
  conffile: live(text, "", "path of the configuration file"),
  default_pool_size: live(
    connections,
    "20",
    "server connections per database and user; 0 = no limit",
    "<= 1.1",
  ),
  disable_pqexec: atStart(flag, "0", "refuses the simple query protocol", "1.4"),
  dns_max_ttl: live(seconds, "15", "how long an address is cached", "1.4"),
  dns_nxdomain_ttl: live(seconds, "15", "how long a failed look-up is cached", "1.6"),
  dns_zone_check_period: live(seconds, "0", "how often the zone's serial is checked; 0 = never", "1.5"),
  idle_transaction_timeout: live(seconds, "0", "disconnects clients idle in a transaction; 0 = never", "1.5"),
  ignore_startup_parameters: live(
    text,
    "",
    "startup parameters that are swallowed; must hold options",
    "1.2",
  ),
  job_name: atStart(text, "pgbouncer", "name of the service"),
  listen_addr: atStart(text, "", "addresses to listen on", "<= 1.1"),
  listen_backlog: atStart(
    integer(1, 65_535, "connections"),
    "128",
    "connections that wait to be accepted",
    "1.3",
  ),
  listen_port: atStart(integer(1, 65_535), "6432", "TCP port", "<= 1.1"),
  log_connections: live(flag, "1", "logs logins", "1.0"),
  log_disconnections: live(flag, "1", "logs disconnections with their reason", "1.0"),
  log_pooler_errors: live(flag, "1", "logs errors sent to clients", "1.0"),
  log_stats: live(flag, "1", "logs a line of figures every stats_period", "1.11"),
  logfile: live(text, "", "log file besides stderr", "<= 1.1"),
  login_notify_message: live(text, "", "NOTICE sent to clients at login", "1.26"),
  max_client_conn: live(
    integer(1, 1_000_000, "connections"),
    "100",
    "client connections, all databases",
    "<= 1.1",
  ),
  max_db_client_connections: live(connections, "0", "client connections per database; 0 = no limit", "1.24"),
  max_db_connections: live(
    connections,
    "0",
    "server connections per database over all users; 0 = no limit",
    "1.6",
  ),
  max_packet_size: live(integer(1024, maxInteger, "bytes"), String(maxInteger), "largest packet", "1.5"),
  max_prepared_statements: live(
    integer(0, 1_000_000),
    "200",
    "named statements kept per server connection",
    "1.21",
  ),
  max_user_client_connections: live(connections, "0", "client connections per user; 0 = no limit", "1.24"),
  max_user_connections: live(connections, "0", "server connections per user; 0 = no limit", "1.6"),
  min_pool_size: live(connections, "0", "server connections kept open while a client is there", "1.5"),
  peer_id: live(integer(0, 16_383), "0", "number among peers; 0 = none", "1.19"),
  pidfile: atStart(text, "", "file that holds the process id", "<= 1.1"),
  pkt_buf: atStart(integer(512, 1_048_576, "bytes"), "4096", "buffer per connection", "<= 1.1"),
  pool_idle_timeout: live(seconds, "0", "frees a pool after that idle time; 0 = never", "1.26"),
  pool_mode: live(
    choice("session", "transaction", "statement"),
    "session",
    "when a server is given back",
    "<= 1.1",
  ),
  query_timeout: live(
    seconds,
    "0",
    "cancels longer queries; 0 = never; must exceed statement_timeout",
    "<= 1.1",
  ),
  query_wait_notify: live(
    integer(0, 86_400, "seconds"),
    "5",
    "tells a queued client after that time; 0 = never",
    "1.25",
  ),
  query_wait_timeout: live(seconds, "120", "disconnects clients queued for longer; 0 = never", "1.3"),
  reserve_pool_size: live(connections, "0", "extra server connections for a pool whose clients wait", "1.3"),
  reserve_pool_timeout: live(seconds, "5", "wait after which the reserve is used", "1.3"),
  resolv_conf: atStart(text, "", "resolver configuration", "1.12"),
  sbuf_loopcnt: live(
    integer(0, 1_000_000),
    "5",
    "packets of one connection before others get their turn",
    "1.3",
  ),
  scram_iterations: live(
    integer(4096, 10_000_000),
    "4096",
    "rounds for verifiers made from plain passwords",
    "1.25",
  ),
  server_check_delay: live(seconds, "30", "idle time after which a server is checked before use", "<= 1.1"),
  server_check_query: live(text, "<empty>", "query of that check", "<= 1.1"),
  server_connect_timeout: live(seconds, "15", "longest connect and login to Postgres", "<= 1.1"),
  server_fast_close: live(flag, "0", "closes servers at once on reconnect (session mode)", "1.9"),
  server_idle_timeout: live(seconds, "600", "closes idle servers; 0 = never", "<= 1.1"),
  server_lifetime: live(
    seconds,
    "3600",
    "closes servers of that age when they are released; 0 = use once",
    "<= 1.1",
  ),
  server_login_retry: live(seconds, "15", "pause after a failed login to Postgres", "<= 1.1"),
  server_reset_query: live(text, "DISCARD ALL", "query between two clients (session mode)", "1.1"),
  server_reset_query_always: live(flag, "0", "runs it in every mode", "1.6"),
  server_round_robin: live(flag, "0", "uses servers in turn instead of the last used first", "1.1"),
  server_tls13_ciphers: newServers(text, "", "TLS 1.3 ciphers towards Postgres", "1.25"),
  server_tls_ca_file: newServers(
    text,
    "",
    "certificates that Postgres' certificate is checked against",
    "1.7",
  ),
  server_tls_cert_file: newServers(text, "", "certificate shown to Postgres", "1.7"),
  server_tls_ciphers: newServers(text, "default", "TLS 1.2 ciphers towards Postgres", "1.7"),
  server_tls_key_file: newServers(text, "", "key of the certificate shown to Postgres", "1.7"),
  server_tls_protocols: newServers(text, "secure", "TLS versions towards Postgres", "1.7"),
  server_tls_sslmode: newServers(
    sslModes,
    "prefer",
    "TLS to Postgres; prefer does not authenticate it",
    "1.7",
  ),
  so_reuseport: atStart(flag, "0", "lets several processes share the port", "1.12"),
  stats_period: live(integer(1, 86_400, "seconds"), "60", "period of the averages in SHOW STATS"),
  stats_users: live(text, "", "users who may read the console, separated by commas", "<= 1.1"),
  syslog: live(flag, "0", "logs to syslog", "1.2"),
  syslog_facility: live(text, "daemon", "syslog facility", "1.2"),
  syslog_ident: live(text, "pgbouncer", "name in syslog", "1.4"),
  tcp_defer_accept: live(
    integer(0, maxInteger, "seconds"),
    "1",
    "accepts connections only when data arrive",
    "<= 1.1",
  ),
  tcp_keepalive: newServers(flag, "1", "turns TCP keepalive on", "<= 1.1"),
  tcp_keepcnt: newServers(
    integer(0, 127),
    "0",
    "lost probes before a connection is dead; 0 = system",
    "<= 1.1",
  ),
  tcp_keepidle: newServers(
    integer(0, 32_767, "seconds"),
    "0",
    "idle time before the first probe; 0 = system",
    "<= 1.1",
  ),
  tcp_keepintvl: newServers(integer(0, 32_767, "seconds"), "0", "time between probes; 0 = system", "<= 1.1"),
  tcp_socket_buffer: newServers(integer(0, maxInteger, "bytes"), "0", "socket buffer; 0 = system", "<= 1.1"),
  tcp_user_timeout: newServers(
    integer(0, maxInteger, "milliseconds"),
    "0",
    "unanswered data before a drop; 0 = system",
    "1.13",
  ),
  track_extra_parameters: atStart(text, "", "further reported parameters kept per client", "1.20"),
  transaction_timeout: live(
    seconds,
    "0",
    "disconnects clients whose transaction lasts longer; 0 = never",
    "1.25",
  ),
  unix_socket_dir: atStart(text, "/tmp", "folder of the unix socket", "<= 1.1"),
  unix_socket_group: atStart(text, "", "group of the unix socket", "1.5"),
  unix_socket_mode: atStart({ type: "octal" }, "0777", "mode of the unix socket", "1.5"),
  user: atStart(text, "", "system user to become", "1.2"),
  verbose: live(integer(0, 5), "", "amount of logging"),
};
