{{/*
The components in the order in which they are written, with what sets them apart.
  key: in the values. probePort: which port answers the probes. stores: whether it may know the stores and the keys.
*/}}
{{- define "scoreboard.components" -}}
- {name: api, key: api, module: scoreboard_api, probePort: http, httpPort: 8000, stores: true}
- {name: realtime, key: realtime, module: scoreboard_realtime, probePort: http, httpPort: 8001, stores: true}
- {name: worker, key: worker, module: scoreboard_worker, probePort: metrics, httpPort: 0, stores: true}
- {name: anticheat-ml, key: anticheatMl, module: scoreboard_anticheat_ml, probePort: metrics, httpPort: 0, stores: true}
- {name: operator, key: operator, module: scoreboard_operator, probePort: metrics, httpPort: 0, stores: false}
{{- end -}}

{{- define "scoreboard.postgresSource" -}}
{{- if .Values.dev.postgres.enabled -}}dev{{- else if .Values.postgres.cnpg.enabled -}}cnpg{{- else -}}external{{- end -}}
{{- end -}}

{{- define "scoreboard.postgresHost" -}}
{{- if .Values.dev.postgres.enabled -}}{{- include "scoreboard.fullname" . }}-postgres{{- else -}}{{- include "scoreboard.cnpgName" . }}-rw{{- end -}}
{{- end -}}

{{- define "scoreboard.cnpgName" -}}
{{- .Values.postgres.cnpg.name | default (printf "%s-db" (include "scoreboard.fullname" .)) -}}
{{- end -}}

{{/*
Connections to Postgres at worst. While pods are rolled, those that leave keep theirs until they have drained: each counts twice.
20 more for migrations, for whoever looks at the database, and for what Postgres keeps to itself.
*/}}
{{- define "scoreboard.connections" -}}
{{- $v := .Values -}}
{{- $sum := 20 -}}
{{- range $facts := include "scoreboard.components" . | fromYamlArray -}}
{{- $c := index $v $facts.key -}}
{{- if and $c.enabled $facts.stores -}}
{{- $pods := eq $c.autoscaling.engine "none" | ternary $c.replicas $c.autoscaling.maxReplicas | int -}}
{{- $pool := $c.settings.database_pool_size | default $v.settings.database_pool_size | default 4 | int -}}
{{- $sum = add $sum (mul $pods $pool (eq $c.strategy.type "RollingUpdate" | ternary 2 1)) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* DATABASE_URL. Argument: (dict "root" $ "owner" true) for migrations, false for the services' login. */}}
{{- define "scoreboard.databaseEnv" -}}
{{- $v := .root.Values -}}
{{- $source := include "scoreboard.postgresSource" .root -}}
{{- if eq $source "external" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ ternary $v.postgres.owner.existingSecret $v.postgres.existingSecret .owner | quote }}
      key: {{ ternary $v.postgres.owner.urlKey $v.postgres.urlKey .owner | quote }}
{{- else if and .owner (eq $source "cnpg") -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ include "scoreboard.cnpgName" .root }}-app, key: uri}
{{- else -}}
- name: DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      {{- if eq $source "cnpg" }}
      name: {{ $v.postgres.cnpg.serviceLoginSecret | quote }}
      key: password
      {{- else }}
      name: {{ $v.dev.postgres.existingSecret | quote }}
      key: {{ ternary "owner-password" "service-password" .owner }}
      {{- end }}
- name: DATABASE_URL
  {{- $login := eq $source "cnpg" | ternary $v.postgres.cnpg.serviceLogin "scoreboard_service" }}
  value: postgresql://{{ ternary "scoreboard" $login .owner }}:$(DATABASE_PASSWORD)@{{ include "scoreboard.postgresHost" .root }}:5432/scoreboard
{{- end -}}
{{- end -}}

{{- define "scoreboard.redisEnv" -}}
- name: REDIS_URL
  {{- if .Values.dev.redis.enabled }}
  value: redis://{{ include "scoreboard.fullname" . }}-redis:6379/0
  {{- else }}
  valueFrom:
    secretKeyRef: {name: {{ .Values.redis.existingSecret | quote }}, key: {{ .Values.redis.urlKey | quote }}}
  {{- end }}
{{- end -}}

{{- define "scoreboard.keysEnv" -}}
- name: SCOREBOARD_SIGNING_KEY
  valueFrom:
    secretKeyRef: {name: {{ .Values.keys.existingSecret | quote }}, key: {{ .Values.keys.signingKey | quote }}}
- name: SCOREBOARD_PREVIOUS_SIGNING_KEY
  valueFrom:
    secretKeyRef: {name: {{ .Values.keys.existingSecret | quote }}, key: {{ .Values.keys.previousSigningKey | quote }}, optional: true}
- name: SCOREBOARD_MASTER_KEY
  valueFrom:
    secretKeyRef: {name: {{ .Values.keys.existingSecret | quote }}, key: {{ .Values.keys.masterKey | quote }}}
{{- end -}}

{{/* Addresses under which browsers come, as origins; empty where neither ingress nor gateway is on. */}}
{{- define "scoreboard.origins" -}}
{{- $origins := list -}}
{{- if .Values.ingress.enabled -}}
{{- $scheme := ternary "https" "http" (not (empty .Values.ingress.tlsSecret)) -}}
{{- range .Values.ingress.hosts -}}{{- $origins = append $origins (printf "%s://%s" $scheme .) -}}{{- end -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- range .Values.gateway.hostnames -}}{{- $origins = append $origins (printf "https://%s" .) -}}{{- end -}}
{{- end -}}
{{- join "," (uniq $origins) -}}
{{- end -}}

{{/* What the chart knows better than a default does; `settings` wins over it. Argument: (dict "root" $ "facts" …). */}}
{{- define "scoreboard.derivedSettings" -}}
{{- $v := .root.Values -}}
{{- $hops := int $v.network.trustedProxyHops -}}
{{- if lt $hops 0 -}}{{- $hops = ternary 1 0 (or $v.ingress.enabled $v.gateway.enabled) -}}{{- end -}}
trusted_proxy_hops: {{ $hops }}
{{- with include "scoreboard.origins" .root }}
allowed_origins: {{ . | quote }}
{{- end }}
{{- if eq .facts.name "api" }}
replicas: {{ eq $v.api.autoscaling.engine "none" | ternary $v.api.replicas $v.api.autoscaling.maxReplicas }}
{{- end }}
{{- if eq .facts.name "realtime" }}
{{- $one := and (eq $v.realtime.autoscaling.engine "none") (eq (int $v.realtime.replicas) 1) }}
polling: {{ or $v.stickiness.enabled $one }}
drain_seconds: {{ $v.realtime.drainSeconds }}
{{- end }}
{{- end -}}

{{/* Argument: (dict "root" $ "facts" (one of scoreboard.components)). */}}
{{- define "scoreboard.env" -}}
{{- $v := .root.Values -}}
{{- $c := index $v .facts.key -}}
{{- if .facts.stores -}}
{{ include "scoreboard.databaseEnv" (dict "root" .root "owner" false) }}
{{ include "scoreboard.redisEnv" .root }}
{{ include "scoreboard.keysEnv" .root }}
{{ end -}}
{{- if .facts.httpPort -}}
- {name: SCOREBOARD_{{ upper .facts.name }}_HOST, value: {{ $v.network.listenAddress | quote }}}
- {name: SCOREBOARD_{{ upper .facts.name }}_PORT, value: {{ .facts.httpPort | quote }}}
{{ end -}}
- {name: SCOREBOARD_METRICS_HOST, value: {{ $v.network.listenAddress | quote }}}
- {name: SCOREBOARD_METRICS_PORT, value: {{ $v.metrics.port | quote }}}
{{- if eq .facts.name "anticheat-ml" }}
- {name: OMP_NUM_THREADS, value: "1"}
{{- end }}
{{- if eq .facts.name "operator" }}
- {name: SCOREBOARD_API_URL, value: "http://{{ include "scoreboard.fullname" .root }}-api:{{ $v.api.service.port }}"}
- {name: SCOREBOARD_OPERATOR_TOKEN_FILE, value: /var/run/secrets/scoreboard/token}
- {name: SCOREBOARD_OPERATOR_NAMESPACE, value: {{ ternary "" .root.Release.Namespace $v.operator.clusterWide | quote }}}
{{- end }}
{{- if and (eq .facts.name "api") $v.operator.enabled }}
- {name: SCOREBOARD_OPERATOR_ISSUER, value: {{ $v.operator.tokenIssuer | quote }}}
- {name: SCOREBOARD_OPERATOR_JWKS_URL, value: {{ $v.operator.tokenKeysUrl | default "https://kubernetes.default.svc/openid/v1/jwks" | quote }}}
- {name: SCOREBOARD_OPERATOR_AUDIENCE, value: {{ $v.operator.tokenAudience | quote }}}
- {name: SCOREBOARD_OPERATOR_SUBJECTS, value: "system:serviceaccount:{{ .root.Release.Namespace }}:{{ include "scoreboard.fullname" .root }}-operator"}
{{- if not $v.operator.tokenKeysUrl }}
- {name: SCOREBOARD_OPERATOR_CA_FILE, value: /var/run/secrets/cluster/ca.crt}
- {name: SCOREBOARD_OPERATOR_JWKS_TOKEN_FILE, value: /var/run/secrets/cluster/token}
{{- end }}
{{- end }}
{{- $settings := dict -}}
{{- if .facts.stores -}}
{{- $settings = include "scoreboard.derivedSettings" . | fromYaml -}}
{{- $settings = mergeOverwrite $settings (deepCopy $v.settings) -}}
{{- else -}}
{{- range $name := list "log_format" "log_level" -}}
{{- if hasKey $v.settings $name -}}{{- $_ := set $settings $name (index $v.settings $name) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $settings = mergeOverwrite $settings (deepCopy $c.settings) -}}
{{- range $name, $value := $settings }}
- {name: SCOREBOARD_{{ upper $name }}, value: {{ include "scoreboard.text" $value | quote }}}
{{- end }}
{{- with $c.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "scoreboard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Settings of every pod. No service links: a Service called scoreboard-api would set SCOREBOARD_API_PORT to an address. */}}
{{- define "scoreboard.podBase" -}}
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{/* The command that brings the schema up to date, as a container. Argument: (dict "root" $ "name" …). */}}
{{- define "scoreboard.migrateContainer" -}}
{{- $v := .root.Values -}}
name: {{ .name }}
image: {{ include "scoreboard.image" (dict "root" .root "image" $v.api.image) }}
imagePullPolicy: {{ $v.image.pullPolicy }}
{{- /* Without the role no service could read a table, and nothing would grant it later: better to try again. */}}
command: [python, -m, scoreboard_cli, migrate, --require-writer, {{ ternary "--seed" "--no-seed" $v.migrations.seed }}]
env:
  {{- include "scoreboard.databaseEnv" (dict "root" .root "owner" true) | nindent 2 }}
  {{- if $v.migrations.seed }}
  {{- include "scoreboard.redisEnv" .root | nindent 2 }}
  {{- include "scoreboard.keysEnv" .root | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml $v.migrations.resources | nindent 2 }}
securityContext:
  {{- include "scoreboard.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}
