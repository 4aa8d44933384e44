{{/* What a schema cannot say: values that need each other. All that is wrong is said at once. */}}
{{- define "scoreboard.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- if and $v.dev.postgres.enabled $v.postgres.cnpg.enabled -}}
{{- $wrong = append $wrong "dev.postgres.enabled and postgres.cnpg.enabled are both true: choose one database." -}}
{{- end -}}
{{- $source := include "scoreboard.postgresSource" . -}}
{{- if and (eq $source "external") (not $v.postgres.existingSecret) -}}
{{- $wrong = append $wrong "postgres.existingSecret is empty: name the Secret that holds the services' database URL (or set postgres.cnpg.enabled, or dev.postgres.enabled to try things out)." -}}
{{- end -}}
{{- if and (eq $source "external") (ne $v.migrations.mode "none") (not $v.postgres.owner.existingSecret) -}}
{{- $wrong = append $wrong "postgres.owner.existingSecret is empty: migrations need the URL of the database's owner. With migrations.mode=none you apply them yourself." -}}
{{- end -}}
{{- if and (eq $source "cnpg") (not $v.postgres.cnpg.serviceLoginSecret) -}}
{{- $wrong = append $wrong (printf "postgres.cnpg.serviceLoginSecret is empty: name a Secret of type kubernetes.io/basic-auth with username %s and its password." $v.postgres.cnpg.serviceLogin) -}}
{{- end -}}
{{- $connections := include "scoreboard.connections" . | int -}}
{{- if and (eq $source "external") (gt $connections (int $v.postgres.maxConnections)) -}}
{{- $wrong = append $wrong (printf "postgres.maxConnections is %v, but the largest number of pods (replicas or maxReplicas, twice while they are rolled) takes %v connections: new pods would never become ready. Raise max_connections of your server and name it here, or lower maxReplicas or settings.database_pool_size." $v.postgres.maxConnections $connections) -}}
{{- end -}}
{{- $given := dig "postgresql" "parameters" "max_connections" "" $v.postgres.cnpg.spec | toString -}}
{{- if and (eq $source "cnpg") $given (gt $connections (int $given)) -}}
{{- $wrong = append $wrong (printf "postgres.cnpg.spec.postgresql.parameters.max_connections is %v, but the largest number of pods takes %v connections: leave it out, then the chart sets it." $given $connections) -}}
{{- end -}}
{{- range $login := $v.postgres.cnpg.otherLogins -}}
{{- if eq $login.name $v.postgres.cnpg.serviceLogin -}}
{{- $wrong = append $wrong (printf "postgres.cnpg.otherLogins names %s, which is serviceLogin: the services' login cannot be another one as well." $login.name) -}}
{{- end -}}
{{- if and (eq $login.ensure "present") (not $login.existingSecret) -}}
{{- $wrong = append $wrong (printf "postgres.cnpg.otherLogins: %s is to be present and has no existingSecret: name the Secret with its password, or set ensure to absent." $login.name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $source "dev") (not $v.dev.postgres.existingSecret) -}}
{{- $wrong = append $wrong "dev.postgres.existingSecret is empty: name a Secret with the keys owner-password and service-password (k8s/dev-secrets.sh makes it)." -}}
{{- end -}}
{{- if and (ne $source "external") (eq $v.migrations.mode "hook") -}}
{{- $wrong = append $wrong "migrations.mode=hook runs before anything is installed, so a database of this chart is not there yet: set migrations.mode to job or initContainer." -}}
{{- end -}}
{{- if and (not $v.dev.redis.enabled) (not $v.redis.existingSecret) -}}
{{- $wrong = append $wrong "redis.existingSecret is empty: name the Secret that holds the URL of Redis (or set dev.redis.enabled to try things out)." -}}
{{- end -}}
{{- if not $v.keys.existingSecret -}}
{{- $wrong = append $wrong "keys.existingSecret is empty: name the Secret that holds the signing key and the master key (docs/operations.md says how to make one)." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- $wrong = append $wrong "ingress.hosts is empty: name at least one host, or set ingress.enabled to false." -}}
{{- end -}}
{{- if and $v.ingress.enabled $v.settings.secure_cookies (not $v.ingress.tlsSecret) -}}
{{- $wrong = append $wrong "ingress.tlsSecret is empty while settings.secure_cookies is true: browsers would refuse the log-in cookie over http. Name the TLS Secret, or set settings.secure_cookies to false to try things out." -}}
{{- end -}}
{{- if and $v.gateway.enabled (or (not $v.gateway.parentRefs) (not $v.gateway.hostnames)) -}}
{{- $wrong = append $wrong "gateway.parentRefs and gateway.hostnames are both needed: a route belongs to a Gateway and has a name." -}}
{{- end -}}
{{- if and (or $v.ingress.enabled $v.gateway.enabled) (not (and $v.api.enabled $v.realtime.enabled)) -}}
{{- $wrong = append $wrong "ingress and gateway lead to api and realtime: both have to be enabled." -}}
{{- end -}}
{{- if and (eq $v.ingress.controller "") $v.ingress.enabled $v.stickiness.enabled (not $v.ingress.realtimeAnnotations) (not $v.realtime.service.annotations) -}}
{{- $wrong = append $wrong "stickiness.enabled needs ingress.controller (haproxy, nginx or traefik), or your own ingress.realtimeAnnotations or realtime.service.annotations: each controller has other words for it." -}}
{{- end -}}
{{- if and $v.operator.enabled (not $v.api.enabled) -}}
{{- $wrong = append $wrong "operator.enabled needs api.enabled: the operator declares everything through the API." -}}
{{- end -}}
{{- if and $v.operator.enabled (or (ne (int $v.operator.replicas) 1) (ne $v.operator.strategy.type "Recreate") (ne $v.operator.autoscaling.engine "none")) -}}
{{- $wrong = append $wrong "operator: there is exactly one, replaced by Recreate and not scaled; two would answer each other." -}}
{{- end -}}
{{- if and $v.tests.enabled (ne (empty $v.tests.board) (empty $v.tests.kind)) -}}
{{- $wrong = append $wrong "tests.board and tests.kind go together: helm test scores with that kind and looks for it on that board. Name both, or neither." -}}
{{- end -}}
{{- range $label, $_ := $v.commonLabels -}}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $label -}}
{{- $wrong = append $wrong (printf "commonLabels: %s is the chart's own, selectors and budgets find pods by it. Take another name." $label) -}}
{{- end -}}
{{- end -}}
{{- range $facts := include "scoreboard.components" . | fromYamlArray -}}
{{- $c := index $v $facts.key -}}
{{- if $c.enabled -}}
{{- if and $facts.httpPort (eq (int $v.metrics.port) (int $facts.httpPort)) -}}
{{- $wrong = append $wrong (printf "metrics.port is %v, where %s listens for HTTP: it could not start. Take another one, such as 9090." $v.metrics.port $facts.name) -}}
{{- end -}}
{{- range $label, $_ := $c.podLabels -}}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $label -}}
{{- $wrong = append $wrong (printf "%s.podLabels: %s is the chart's own, selectors and budgets find pods by it. Take another name." $facts.key $label) -}}
{{- end -}}
{{- end -}}
{{- if and (ne $c.autoscaling.engine "none") (gt (int $c.autoscaling.minReplicas) (int $c.autoscaling.maxReplicas)) -}}
{{- $wrong = append $wrong (printf "%s.autoscaling: minReplicas %v is above maxReplicas %v." $facts.key $c.autoscaling.minReplicas $c.autoscaling.maxReplicas) -}}
{{- end -}}
{{- if and (ne $c.autoscaling.engine "none") (not $c.autoscaling.cpuPercent) (not $c.autoscaling.metrics) -}}
{{- $wrong = append $wrong (printf "%s.autoscaling: neither cpuPercent nor metrics says when to scale." $facts.key) -}}
{{- end -}}
{{- if and (eq $c.strategy.type "RollingUpdate") (eq ($c.strategy.maxSurge | toString) "0") (eq ($c.strategy.maxUnavailable | toString) "0") -}}
{{- $wrong = append $wrong (printf "%s.strategy: with maxSurge and maxUnavailable both 0 no pod could ever be replaced." $facts.key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $needed := add (int $v.realtime.drainSeconds) (int $v.realtime.preStopSeconds) 5 -}}
{{- if and $v.realtime.enabled (lt (int $v.realtime.terminationGracePeriodSeconds) (int $needed)) -}}
{{- $wrong = append $wrong (printf "realtime.terminationGracePeriodSeconds is %v, but preStopSeconds, drainSeconds and the farewell need %v: the last connections would be cut." $v.realtime.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- $needed := add (int $v.api.preStopSeconds) 20 -}}
{{- if and $v.api.enabled (lt (int $v.api.terminationGracePeriodSeconds) (int $needed)) -}}
{{- $wrong = append $wrong (printf "api.terminationGracePeriodSeconds is %v, but preStopSeconds and the requests under way need %v." $v.api.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\nThese values do not work:\n  - %s\n" (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end -}}
