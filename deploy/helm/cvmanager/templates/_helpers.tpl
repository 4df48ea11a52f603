{{/* The labels of all objects. Selectors use app.kubernetes.io/name alone. */}}
{{- define "cvmanager.labels" -}}
app.kubernetes.io/name: cvmanager
app.kubernetes.io/part-of: cvmanager
app.kubernetes.io/instance: {{ .Release.Namespace | quote }}
{{ include "cvmanager.chartLabels" . }}
{{- end }}

{{- define "cvmanager.chartLabels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{- define "cvmanager.image" -}}
{{- $tag := .Values.image.tag | default (empty .Values.image.digest | ternary .Chart.AppVersion "") -}}
{{ .Values.image.repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "cvmanager.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default "cvmanager" }}
{{- else -}}
{{ required "serviceAccount.name is required if serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A YAML list: the namespaces with a Role for the controller, empty for the whole cluster. To update itself, it also needs its own one. */}}
{{- define "cvmanager.namespaces" -}}
{{- $namespaces := .Values.namespaces }}
{{- if and $namespaces .Values.followTag }}
{{- $namespaces = append $namespaces .Release.Namespace }}
{{- end }}
{{- $namespaces | uniq | sortAlpha | toYaml }}
{{- end }}

{{/*
A command of PowerShell. The schema of the values allows no character that ends a string there. The namespaces are quoted: PowerShell reads
elements of a list such as 1e3 and 007, which are valid names, as numbers.
*/}}
{{- define "cvmanager.command" -}}
{{- $namespaces := include "cvmanager.namespaces" . | fromYamlArray -}}
Start-CvReconcile -Watch {{ if $namespaces }}-Namespace '{{ join "','" $namespaces }}'{{ else }}-AllNamespaces{{ end }}
{{- with .Values.labelSelector }} -LabelSelector '{{ . }}'{{ end }} -LeaseName cvmanager-controller -Port 8081 -LogFormat Json
{{- if ne .Values.logLevel "Information" }} -LogLevel {{ .Values.logLevel }}{{ end }}
{{- end }}

{{/* The permissions of the controller, as in deploy/controller.yaml, which explains them. */}}
{{- define "cvmanager.rules" -}}
- apiGroups: [custom.k8s.io]
  resources: [containerversions]
  verbs: [get, list, watch]
- apiGroups: [custom.k8s.io]
  resources: [containerversions/status]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets, replicasets]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [services]
  verbs: [get, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
{{- if .Values.rbac.readSecrets }}
- apiGroups: [""]
  resources: [secrets, serviceaccounts]
  verbs: [get]
{{- end }}
{{- end }}

{{- define "cvmanager.subjects" -}}
- kind: ServiceAccount
  name: {{ include "cvmanager.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
