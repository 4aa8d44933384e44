{{- define "crds.annotations" -}}
# Deleting a definition would delete every resource of its kind.
helm.sh/resource-policy: keep
{{- end -}}

{{/* What all kinds have in their spec. */}}
{{- define "crds.common" -}}
deletionPolicy:
  type: string
  description: What becomes of it on the platform when this resource is deleted.
  enum: [Retain, Delete]
  default: Retain
key:
  type: string
  description: Its name on the platform, in addresses and in the ledger. It never changes.
  minLength: 1
  maxLength: 64
  pattern: "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"
  x-kubernetes-validations:
    - rule: self == oldSelf
      message: the key never changes; scores are recorded under it
{{- end -}}

{{/* What all kinds have in their status. */}}
{{- define "crds.status" -}}
observedGeneration:
  type: integer
  format: int64
  description: The generation that the status speaks of.
version:
  type: integer
  format: int64
  description: The platform's version of it.
lastSyncTime:
  type: string
  format: date-time
  description: When resource and platform last came to agree. It moves with a change, not with each look.
conditions:
  type: array
  description: Ready, Invalid, Conflict, Degraded, Paused.
  x-kubernetes-list-type: map
  x-kubernetes-list-map-keys: [type]
  items:
    type: object
    required: [type, status, lastTransitionTime, reason, message]
    properties:
      type:
        type: string
        maxLength: 316
      status:
        type: string
        enum: ["True", "False", Unknown]
      observedGeneration:
        type: integer
        format: int64
        minimum: 0
      lastTransitionTime:
        type: string
        format: date-time
      reason:
        type: string
        minLength: 1
        maxLength: 1024
      message:
        type: string
        maxLength: 32768
{{- end -}}

{{/* Columns of kubectl get that all kinds have. */}}
{{- define "crds.columns" -}}
- {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
- {name: Reason, type: string, priority: 1, jsonPath: '.status.conditions[?(@.type=="Ready")].reason'}
- {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
{{- end -}}
