const acl = (column: string) =>
  `case when ${column} is not null then array(select x::text from unnest(${column}) x order by 1) end as acl`;
const roles = (password: string) =>
  "select r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, " +
  "r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil::text, r.rolconfig, " +
  `${password} as rolpassword from pg_roles r join pg_authid a using (oid) where r.rolname = any($1) order by 1`;

/** The queries that steps name in "database"; each takes a list of names. */
export const QUERIES: Readonly<Record<string, string>> = {
  /** Of the password the kind of hash only ("SCRAM-SHA-256"). */
  roles: roles("split_part(a.rolpassword, '$', 1)"),
  rolesWithPassword: roles("a.rolpassword"),
  memberships:
    "select pg_get_userbyid(roleid) as role, pg_get_userbyid(member) as member, " +
    "pg_get_userbyid(grantor) as grantor, admin_option, inherit_option, set_option from pg_auth_members " +
    "where pg_get_userbyid(member) = any($1) order by 1, 2",
  databases:
    "select datname, pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding, " +
    `datcollate, datctype, datistemplate, datallowconn, datconnlimit, ${acl("datacl")} from pg_database ` +
    "where datname = any($1) order by 1",
  schemas:
    `select nspname, pg_get_userbyid(nspowner) as owner, ${acl("nspacl")} from pg_namespace ` +
    "where nspname = any($1) order by 1",
  /** Tables, views and sequences of the schemas. */
  relations:
    `select relname, relkind, pg_get_userbyid(relowner) as owner, ${acl("relacl")} from pg_class ` +
    "join pg_namespace n on n.oid = relnamespace where nspname = any($1) and relkind in ('r', 'v', 'S') order by 1",
  columns:
    `select attname, ${acl("attacl")} from pg_attribute ` +
    "where attrelid = any($1::regclass[]) and attnum > 0 and not attisdropped order by attnum",
  functions:
    `select p.oid::regprocedure::text as name, ${acl("proacl")} from pg_proc p ` +
    "join pg_namespace n on n.oid = pronamespace where nspname = any($1) order by 1",
  /** The names are owners. */
  defaultPrivileges:
    "select pg_get_userbyid(defaclrole) as owner, nspname, defaclobjtype as type, " +
    `${acl("defaclacl")} from pg_default_acl left join pg_namespace n on n.oid = defaclnamespace ` +
    "where pg_get_userbyid(defaclrole) = any($1) order by 1, 2, 3",
  extensions:
    "select extname, extnamespace::regnamespace::text as schema, extversion from pg_extension " +
    "where extname = any($1) order by 1",
  foreign:
    `select fdwname as name, ${acl("fdwacl")} from pg_foreign_data_wrapper where fdwname = any($1) ` +
    `union all select srvname, ${acl("srvacl")} from pg_foreign_server where srvname = any($1) order by 1`,
};
