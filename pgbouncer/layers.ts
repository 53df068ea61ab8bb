/** The file of verifiers inside the container. */
export const userlistPath = "/etc/poolkit/userlist.txt";

/** What the kit depends on and nobody may change: the image, the health endpoint and the plugin log in by it. */
export const forcedSettings: Readonly<Record<string, string>> = {
  admin_users: "poolkit_admin",
  auth_file: userlistPath,
  auth_type: "scram-sha-256",
  listen_addr: "*",
  listen_port: "6432",
  stats_users: "poolkit_monitor",
  unix_socket_dir: "/tmp",
};

const kitWritesUserlist = "the kit writes the userlist; auth_query would open a pool of its own per database";
const noSuchFile = "the container has no such file";
const logsGoToEngine = "logs go to the container's stderr, where the engine keeps them";

/** Settings that stay unset, with the reason that is told to who tries. */
export const withheldSettings: Readonly<Record<string, string>> = {
  auth_dbname: kitWritesUserlist,
  auth_hba_file: noSuchFile,
  auth_ident_file: noSuchFile,
  auth_ldap_options: "auth_type is scram-sha-256",
  auth_query: kitWritesUserlist,
  auth_user: kitWritesUserlist,
  client_tls_ca_file: noSuchFile,
  client_tls_cert_file: noSuchFile,
  client_tls_key_file: noSuchFile,
  client_tls_sslmode: "PgBouncer listens on loopback and the stack's own network only",
  conffile: "the plugin writes the file",
  logfile: logsGoToEngine,
  pidfile: "the root file system is read-only and nothing reads it",
  resolv_conf: "the engine provides name resolution",
  server_tls_ca_file: noSuchFile,
  server_tls_cert_file: noSuchFile,
  server_tls_key_file: noSuchFile,
  server_tls_sslmode: "the stack's Postgres has no TLS: it is reached in the stack's own network only",
  syslog: logsGoToEngine,
  syslog_facility: logsGoToEngine,
  syslog_ident: logsGoToEngine,
  unix_socket_group: "nothing connects by the unix socket",
  user: "the container runs as a user without rights",
};

/**
 * Where the kit differs from PgBouncer's defaults. Keepalive notices a dead peer in a minute instead of two hours;
 * `server_login_retry` decides how fast service returns after a restart of Postgres; the backlog needs a restart to
 * change and is therefore sized once.
 */
export const defaultSettings: Readonly<Record<string, string>> = {
  client_login_timeout: "15",
  listen_backlog: "1024",
  log_connections: "0",
  log_disconnections: "0",
  max_prepared_statements: "200",
  pool_mode: "transaction",
  server_login_retry: "2",
  stats_period: "15",
  tcp_keepalive: "1",
  tcp_keepcnt: "3",
  tcp_keepidle: "30",
  tcp_keepintvl: "10",
  tcp_user_timeout: "30000",
};
