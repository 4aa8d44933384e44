{{- define "scoreboard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "scoreboard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "scoreboard.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "scoreboard.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that selectors use; they never change. Argument: (dict "root" $ "component" "api"). */}}
{{- define "scoreboard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "scoreboard.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "scoreboard.labels" -}}
{{ include "scoreboard.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: scoreboard
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Argument: (dict "root" $ "image" .Values.api.image). */}}
{{- define "scoreboard.image" -}}
{{- $name := .image.repository -}}
{{- with .root.Values.image.registry -}}{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* A setting's value as text; Helm reads whole numbers as floats, which would print as 1e+06. */}}
{{- define "scoreboard.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{- printf "%.0f" . -}}{{- else -}}{{- . | toString -}}{{- end -}}
{{- else if kindIs "map" . -}}{{- toJson . -}}
{{- else if kindIs "slice" . -}}{{- join "," . -}}
{{- else -}}{{- . | toString -}}{{- end -}}
{{- end -}}

{{/* A quantity of Kubernetes (50m, 200) as a plain number, which is what KEDA reads. */}}
{{- define "scoreboard.quantity" -}}
{{- if hasSuffix "m" . -}}{{- divf (trimSuffix "m" . | float64) 1000.0 -}}{{- else -}}{{- . -}}{{- end -}}
{{- end -}}
