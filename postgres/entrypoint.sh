#!/bin/sh
# Starts PostgreSQL from the configuration volume; makes the cluster first when the data volume is empty.
#
# The volume /etc/poolkit holds poolkit.conf, pg_hba.conf and superuser-verifier (a SCRAM-SHA-256 verifier: this
# container never sees a password). The cluster is made beside its final place and moved there when it is whole, so
# that a container killed in the middle starts again from nothing instead of from half a cluster.
set -eu

config=/etc/poolkit
making="$PGDATA.making"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  for file in poolkit.conf pg_hba.conf superuser-verifier; do
    [ -r "$config/$file" ] && [ -s "$config/$file" ] || { echo "poolkit: $config/$file is missing, empty or not readable by uid $(id -u); the configuration volume is not mounted or was emptied: run pulumi up --refresh" >&2; exit 78; }
  done
  if [ -d "$PGDATA" ] && [ -n "$(ls -A "$PGDATA")" ]; then
    echo "poolkit: $PGDATA holds files but no cluster (no PG_VERSION); nothing was touched: restore the data or empty the volume by hand" >&2
    exit 78
  fi
  rm -rf "$making"
  mkdir -p "$(dirname "$PGDATA")"
  # "trust" concerns only the generated pg_hba.conf, which is never read: hba_file below names ours.
  initdb --pgdata="$making" --username=postgres --auth=trust --no-instructions \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --data-checksums >/dev/null
  printf "ALTER ROLE postgres PASSWORD '%s'\n" "$(cat "$config/superuser-verifier")" \
  | postgres --single -D "$making" -c log_min_messages=warning postgres >/dev/null
  rm -rf "$PGDATA"
  mv "$making" "$PGDATA"
fi

exec postgres -D "$PGDATA" -c config_file="$config/poolkit.conf" -c hba_file="$config/pg_hba.conf"
