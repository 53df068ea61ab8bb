import type { ChangeClass, ValueKind } from "./values.ts";

/** One setting of the `[pgbouncer]` section. */
export interface Setting {
  readonly kind: ValueKind;
  /** PgBouncer's own default as `SHOW CONFIG` prints it. */
  readonly default: string;
  readonly change: ChangeClass;
  /** What it does, in one line. */
  readonly about: string;
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
  (kind: ValueKind, defaultValue: string, about: string): Setting => ({
    kind,
    default: defaultValue,
    change,
    about,
  });
const live = setting("reload");
const newServers = setting("reconnect");
const atStart = setting("restart");

const authQuery =
  "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1 AND rolcanlogin";

/** Every setting of PgBouncer 1.26; an integration test holds names, defaults and `changeable` equal to SHOW CONFIG. */
export const pgbouncerSettings: Readonly<Record<string, Setting>> = {
  admin_users: live(text, "", "users with every right on the console, separated by commas"),
  application_name_add_host: newServers(flag, "0", "adds the client's address to application_name"),
  auth_dbname: live(text, "", "database in which auth_query runs"),
  auth_file: live(text, "", "file of user names and verifiers"),
  auth_hba_file: live(text, "", "access rules when auth_type is hba"),
  auth_ident_file: live(text, "", "map of names for certificates and peers"),
  auth_ldap_options: live(text, "", "LDAP options when auth_type is ldap"),
  auth_query: live(text, authQuery, "query for a user's verifier; costs a pool per database"),
  auth_type: live(
    choice("any", "trust", "plain", "md5", "cert", "hba", "ldap", "pam", "scram-sha-256"),
    "md5",
    "how clients prove who they are",
  ),
  auth_user: live(text, "", "user that runs auth_query"),
  autodb_idle_timeout: live(seconds, "3600", "frees a database made on the fly after that idle time"),
  cancel_wait_timeout: live(seconds, "10", "longest wait of a cancel request"),
  client_idle_timeout: live(
    seconds,
    "0",
    "closes idle clients; 0 = never; must exceed the application's own",
  ),
  client_login_timeout: live(seconds, "60", "closes clients that have not logged in by then"),
  client_tls13_ciphers: live(text, "", "TLS 1.3 ciphers towards clients"),
  client_tls_ca_file: live(text, "", "certificates that client certificates are checked against"),
  client_tls_cert_file: live(text, "", "certificate shown to clients"),
  client_tls_ciphers: live(text, "default", "TLS 1.2 ciphers towards clients"),
  client_tls_dheparams: live(text, "auto", "DHE key exchange"),
  client_tls_ecdhcurve: live(text, "auto", "ECDH curve"),
  client_tls_key_file: live(text, "", "key of the certificate shown to clients"),
  client_tls_protocols: live(text, "secure", "TLS versions towards clients"),
  client_tls_sslmode: live(sslModes, "disable", "TLS from clients"),
  conffile: live(text, "", "path of the configuration file"),
  default_pool_size: live(connections, "20", "server connections per database and user; 0 = no limit"),
  disable_pqexec: atStart(flag, "0", "refuses the simple query protocol"),
  dns_max_ttl: live(seconds, "15", "how long an address is cached"),
  dns_nxdomain_ttl: live(seconds, "15", "how long a failed look-up is cached"),
  dns_zone_check_period: live(seconds, "0", "how often the zone's serial is checked; 0 = never"),
  idle_transaction_timeout: live(seconds, "0", "disconnects clients idle in a transaction; 0 = never"),
  ignore_startup_parameters: live(text, "", "startup parameters that are swallowed; must hold options"),
  job_name: atStart(text, "pgbouncer", "name of the service"),
  listen_addr: atStart(text, "", "addresses to listen on"),
  listen_backlog: atStart(integer(1, 65_535, "connections"), "128", "connections that wait to be accepted"),
  listen_port: atStart(integer(1, 65_535), "6432", "TCP port"),
  log_connections: live(flag, "1", "logs logins"),
  log_disconnections: live(flag, "1", "logs disconnections with their reason"),
  log_pooler_errors: live(flag, "1", "logs errors sent to clients"),
  log_stats: live(flag, "1", "logs a line of figures every stats_period"),
  logfile: live(text, "", "log file besides stderr"),
  login_notify_message: live(text, "", "NOTICE sent to clients at login"),
  max_client_conn: live(integer(1, 1_000_000, "connections"), "100", "client connections, all databases"),
  max_db_client_connections: live(connections, "0", "client connections per database; 0 = no limit"),
  max_db_connections: live(connections, "0", "server connections per database over all users; 0 = no limit"),
  max_packet_size: live(integer(1024, maxInteger, "bytes"), String(maxInteger), "largest packet"),
  max_prepared_statements: live(integer(0, 1_000_000), "200", "named statements kept per server connection"),
  max_user_client_connections: live(connections, "0", "client connections per user; 0 = no limit"),
  max_user_connections: live(connections, "0", "server connections per user; 0 = no limit"),
  min_pool_size: live(connections, "0", "server connections kept open while a client is there"),
  peer_id: live(integer(0, 16_383), "0", "number among peers; 0 = none"),
  pidfile: atStart(text, "", "file that holds the process id"),
  pkt_buf: atStart(integer(512, 1_048_576, "bytes"), "4096", "buffer per connection"),
  pool_idle_timeout: live(seconds, "0", "frees a pool after that idle time; 0 = never"),
  pool_mode: live(choice("session", "transaction", "statement"), "session", "when a server is given back"),
  query_timeout: live(seconds, "0", "cancels longer queries; 0 = never; must exceed statement_timeout"),
  query_wait_notify: live(
    integer(0, 86_400, "seconds"),
    "5",
    "tells a queued client after that time; 0 = never",
  ),
  query_wait_timeout: live(seconds, "120", "disconnects clients queued for longer; 0 = never"),
  reserve_pool_size: live(connections, "0", "extra server connections for a pool whose clients wait"),
  reserve_pool_timeout: live(seconds, "5", "wait after which the reserve is used"),
  resolv_conf: atStart(text, "", "resolver configuration"),
  sbuf_loopcnt: live(integer(0, 1_000_000), "5", "packets of one connection before others get their turn"),
  scram_iterations: live(integer(4096, 10_000_000), "4096", "rounds for verifiers made from plain passwords"),
  server_check_delay: live(seconds, "30", "idle time after which a server is checked before use"),
  server_check_query: live(text, "<empty>", "query of that check"),
  server_connect_timeout: live(seconds, "15", "longest connect and login to Postgres"),
  server_fast_close: live(flag, "0", "closes servers at once on reconnect (session mode)"),
  server_idle_timeout: live(seconds, "600", "closes idle servers; 0 = never"),
  server_lifetime: live(seconds, "3600", "closes servers of that age when they are released; 0 = use once"),
  server_login_retry: live(seconds, "15", "pause after a failed login to Postgres"),
  server_reset_query: live(text, "DISCARD ALL", "query between two clients (session mode)"),
  server_reset_query_always: live(flag, "0", "runs it in every mode"),
  server_round_robin: live(flag, "0", "uses servers in turn instead of the last used first"),
  server_tls13_ciphers: newServers(text, "", "TLS 1.3 ciphers towards Postgres"),
  server_tls_ca_file: newServers(text, "", "certificates that Postgres' certificate is checked against"),
  server_tls_cert_file: newServers(text, "", "certificate shown to Postgres"),
  server_tls_ciphers: newServers(text, "default", "TLS 1.2 ciphers towards Postgres"),
  server_tls_key_file: newServers(text, "", "key of the certificate shown to Postgres"),
  server_tls_protocols: newServers(text, "secure", "TLS versions towards Postgres"),
  server_tls_sslmode: newServers(sslModes, "prefer", "TLS to Postgres; prefer does not authenticate it"),
  so_reuseport: atStart(flag, "0", "lets several processes share the port"),
  stats_period: live(integer(1, 86_400, "seconds"), "60", "period of the averages in SHOW STATS"),
  stats_users: live(text, "", "users who may read the console, separated by commas"),
  syslog: live(flag, "0", "logs to syslog"),
  syslog_facility: live(text, "daemon", "syslog facility"),
  syslog_ident: live(text, "pgbouncer", "name in syslog"),
  tcp_defer_accept: live(integer(0, maxInteger, "seconds"), "1", "accepts connections only when data arrive"),
  tcp_keepalive: newServers(flag, "1", "turns TCP keepalive on"),
  tcp_keepcnt: newServers(integer(0, 127), "0", "lost probes before a connection is dead; 0 = system"),
  tcp_keepidle: newServers(
    integer(0, 32_767, "seconds"),
    "0",
    "idle time before the first probe; 0 = system",
  ),
  tcp_keepintvl: newServers(integer(0, 32_767, "seconds"), "0", "time between probes; 0 = system"),
  tcp_socket_buffer: newServers(integer(0, maxInteger, "bytes"), "0", "socket buffer; 0 = system"),
  tcp_user_timeout: newServers(
    integer(0, maxInteger, "milliseconds"),
    "0",
    "unanswered data before a drop; 0 = system",
  ),
  track_extra_parameters: atStart(text, "", "further reported parameters kept per client"),
  transaction_timeout: live(seconds, "0", "disconnects clients whose transaction lasts longer; 0 = never"),
  unix_socket_dir: atStart(text, "/tmp", "folder of the unix socket"),
  unix_socket_group: atStart(text, "", "group of the unix socket"),
  unix_socket_mode: atStart({ type: "octal" }, "0777", "mode of the unix socket"),
  user: atStart(text, "", "system user to become"),
  verbose: live(integer(0, 5), "", "amount of logging"),
};

/**
 * Release that brought each setting, as PgBouncer's changelog names it. For what is left out it names none: such a
 * setting came with the first public release (1.0) or unannounced.
 */
export const settingsSince: Readonly<Record<string, string>> = {
  application_name_add_host: "1.6",
  auth_dbname: "1.19",
  auth_hba_file: "1.7",
  auth_ident_file: "1.23",
  auth_ldap_options: "1.25",
  auth_query: "1.6",
  auth_user: "1.8",
  cancel_wait_timeout: "1.19",
  client_login_timeout: "1.0",
  client_tls13_ciphers: "1.25",
  client_tls_ca_file: "1.7",
  client_tls_cert_file: "1.7",
  client_tls_ciphers: "1.7",
  client_tls_dheparams: "1.7",
  client_tls_ecdhcurve: "1.7",
  client_tls_key_file: "1.7",
  client_tls_protocols: "1.7",
  client_tls_sslmode: "1.7",
  disable_pqexec: "1.4",
  dns_max_ttl: "1.4",
  dns_nxdomain_ttl: "1.6",
  dns_zone_check_period: "1.5",
  idle_transaction_timeout: "1.5",
  ignore_startup_parameters: "1.2",
  listen_backlog: "1.3",
  log_connections: "1.0",
  log_disconnections: "1.0",
  log_pooler_errors: "1.0",
  log_stats: "1.11",
  login_notify_message: "1.26",
  max_db_client_connections: "1.24",
  max_db_connections: "1.6",
  max_packet_size: "1.5",
  max_prepared_statements: "1.21",
  max_user_client_connections: "1.24",
  max_user_connections: "1.6",
  min_pool_size: "1.5",
  peer_id: "1.19",
  pool_idle_timeout: "1.26",
  query_wait_notify: "1.25",
  query_wait_timeout: "1.3",
  reserve_pool_size: "1.3",
  reserve_pool_timeout: "1.3",
  resolv_conf: "1.12",
  sbuf_loopcnt: "1.3",
  scram_iterations: "1.25",
  server_fast_close: "1.9",
  server_reset_query: "1.1",
  server_reset_query_always: "1.6",
  server_round_robin: "1.1",
  server_tls13_ciphers: "1.25",
  server_tls_ca_file: "1.7",
  server_tls_cert_file: "1.7",
  server_tls_ciphers: "1.7",
  server_tls_key_file: "1.7",
  server_tls_protocols: "1.7",
  server_tls_sslmode: "1.7",
  so_reuseport: "1.12",
  syslog: "1.2",
  syslog_facility: "1.2",
  syslog_ident: "1.4",
  tcp_user_timeout: "1.13",
  track_extra_parameters: "1.20",
  transaction_timeout: "1.25",
  unix_socket_group: "1.5",
  unix_socket_mode: "1.5",
  user: "1.2",
};
