#!/bin/sh
# Fetches the page's third-party files again, with the npm registry that npm is configured for, and prints what
# belongs into README.md. Usage: update.sh [socket.io-client version] [inter version] [swagger-ui-dist version]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
socketio=${1:-4.8.4}
inter=${2:-5.3.0}
swagger=${3:-5.35.0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # package, version, folder
    mkdir "$work/$3"
    (cd "$work/$3" && tar xzf "$(npm pack --silent "$1@$2")")
}

unpack socket.io-client "$socketio" socketio
cp "$work/socketio/package/dist/socket.io.esm.min.js" "$here/socket.io.esm.min.js"
cp "$work/socketio/package/LICENSE" "$here/socket.io-client.LICENSE"

unpack @fontsource-variable/inter "$inter" inter
cp "$work/inter/package/files/inter-latin-wght-normal.woff2" "$here/inter-latin.woff2"
cp "$work/inter/package/files/inter-latin-ext-wght-normal.woff2" "$here/inter-latin-ext.woff2"
cp "$work/inter/package/LICENSE" "$here/inter.LICENSE"

unpack swagger-ui-dist "$swagger" swagger
mkdir -p "$here/swagger-ui"
cp "$work/swagger/package/swagger-ui-bundle.js" "$work/swagger/package/swagger-ui.css" "$here/swagger-ui/"
cat "$work/swagger/package/LICENSE" "$work/swagger/package/NOTICE" > "$here/swagger-ui.LICENSE"
cp "$work/swagger/package/swagger-ui-bundle.js.LICENSE.txt" "$here/swagger-ui-bundle.LICENSE"

chmod 644 "$here"/*.js "$here"/*.woff2 "$here"/*.LICENSE "$here"/swagger-ui/*
echo "socket.io-client $socketio, @fontsource-variable/inter $inter, swagger-ui-dist $swagger"
cd "$here" && sha256sum ./*.js ./*.woff2 swagger-ui/*
