#!/bin/sh
# Makes the namespace and the Secrets of dev-secrets.sh in the current cluster; what is there already stays as it is.
#   k8s/dev-prepare.sh NAMESPACE
# Anything else that kubectl refuses (no cluster, no right) is told, and is the exit status.
set -eu
namespace="${1:?usage: dev-prepare.sh NAMESPACE}"

manifests=$("$(dirname "$0")/dev-secrets.sh" "$namespace")
if answer=$(printf '%s\n' "$manifests" | kubectl create -f - 2>&1); then
  printf '%s\n' "$answer"
  exit 0
fi
wrong=$(printf '%s\n' "$answer" | grep -v -e '(AlreadyExists)' -e ' created$' -e '^$' || true)
printf '%s\n' "$answer" | grep ' created$' || true
if [ -n "$wrong" ]; then
  printf '%s\n' "$wrong" >&2
  exit 1
fi
