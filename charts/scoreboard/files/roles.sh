#!/bin/sh
# Run once by the image of Postgres when the database is made: the roles that an administrator makes elsewhere.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$SERVICE_PASSWORD" <<'SQL'
CREATE ROLE scoreboard_writer NOLOGIN;
CREATE ROLE scoreboard_service LOGIN PASSWORD :'password' IN ROLE scoreboard_writer;
SQL
