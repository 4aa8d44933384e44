#!/bin/sh
# Makes the Secrets of a release for trying things out, where they are not there yet. The chart itself makes none.
#   k8s/dev-secrets.sh NAMESPACE | kubectl apply -f -
# Run again it writes new ones: pipe it into kubectl create to leave those that are there alone.
set -eu
namespace="${1:?usage: dev-secrets.sh NAMESPACE}"

encoded() { base64 | tr -d '\n'; }
password() { openssl rand -hex 24 | tr -d '\n'; }

signing=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | encoded)
# The setting is base64 of 32 bytes, and a Secret encodes its values once more.
master=$(openssl rand -base64 32 | tr -d '\n' | encoded)

cat <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
---
apiVersion: v1
kind: Secret
metadata: {name: scoreboard-keys, namespace: $namespace}
data:
  signing-key: $signing
  master-key: $master
---
apiVersion: v1
kind: Secret
metadata: {name: scoreboard-dev-postgres, namespace: $namespace}
data:
  owner-password: $(password | encoded)
  service-password: $(password | encoded)
YAML
