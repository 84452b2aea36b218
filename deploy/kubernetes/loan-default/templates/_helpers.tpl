{{/* Names, labels, environment, volumes and security contexts that the pods share. */}}

{{- define "loan-default.name" -}}
{{- if contains "loan-default" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-loan-default{{ end }}
{{- end }}

{{- define "loan-default.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}
{{- else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* (context, component): the labels by which services, policies and budgets select pods. */}}
{{- define "loan-default.selector" -}}
app.kubernetes.io/name: loan-default
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "loan-default.labels" -}}
{{ include "loan-default.selector" . }}
{{- with index . 0 }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{- end }}

{{- define "loan-default.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "loan-default.containerSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The fields that every pod has. The variables of Service links (SERVICE_HTTP_PORT=tcp://...) would be settings. */}}
{{- define "loan-default.pod" -}}
enableServiceLinks: false
securityContext:
  {{- include "loan-default.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "loan-default.container" -}}
image: {{ include "loan-default.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "loan-default.containerSecurity" . | nindent 2 }}
{{- end }}

{{/* (variable, secret): an environment variable from a key of an existing Secret; none where it has no name. */}}
{{- define "loan-default.secret" -}}
{{- with index . 1 }}{{ if .name }}
- name: {{ index $ 0 }}
  valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
{{- end }}{{ end }}
{{- end }}

{{- define "loan-default.variables" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end }}

{{- define "loan-default.databaseUrl" -}}
{{- include "loan-default.secret" (list "DATABASE_URL" .Values.secrets.database) }}
{{- end }}

{{/* What every process needs that opens the portfolio: migrations, code location, runs and service. */}}
{{- define "loan-default.portfolioEnvironment" -}}
{{- include "loan-default.databaseUrl" . }}
- name: LOAN_DEFAULT_HOME
  value: /var/lib/loan-default
- name: ARTIFACT_ROOT
  value: {{ .Values.artifacts.root | quote }}
- name: PORTFOLIO
  value: {{ ternary (printf "/portfolio/%s" .Values.portfolio.key) .Values.portfolio.name (not (empty .Values.portfolio.configMap)) | quote }}
{{- if .Values.loans.source }}
- name: LOAN_SOURCE
  value: {{ .Values.loans.source | quote }}
{{- else }}
{{- include "loan-default.secret" (list "LOAN_SOURCE" .Values.secrets.loanSource) }}
{{- end }}
{{- include "loan-default.variables" .Values.settings }}
{{- end }}

{{/* Not empty where the models are in an object store, and not on a volume. */}}
{{- define "loan-default.objectStore" -}}
{{- if contains "://" .Values.artifacts.root }}true{{ end }}
{{- end }}

{{/* Address and credentials of the object store, for the pods that load models. */}}
{{- define "loan-default.objectStoreEnvironment" -}}
{{- if include "loan-default.objectStore" . }}
{{- with .Values.artifacts.endpoint }}
- name: AWS_ENDPOINT_URL_S3
  value: {{ . | quote }}
{{- end }}
{{- with .Values.artifacts.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- include "loan-default.secret" (list "AWS_ACCESS_KEY_ID" .Values.secrets.objectStoreId) }}
{{- include "loan-default.secret" (list "AWS_SECRET_ACCESS_KEY" .Values.secrets.objectStoreKey) }}
{{- end }}
{{- end }}

{{/* Code location and runs. */}}
{{- define "loan-default.graphEnvironment" -}}
{{- include "loan-default.portfolioEnvironment" . }}
{{- include "loan-default.objectStoreEnvironment" . }}
{{- if not (include "loan-default.objectStore" .) }}
- name: BENTOML_HOME
  value: /artifacts/bentoml
{{- end }}
- name: SIGNING_PUBLIC_KEYS
  value: /public-keys
# Where no key is mounted, none is generated in its place: this folder cannot be written.
- name: SIGNING_KEY
  value: /signing/signing.pem
{{- include "loan-default.secret" (list "ALERT_TO" .Values.secrets.alertTo) }}
# The limit of the pod; Python counts the cores of the node.
{{- range list "OMP_NUM_THREADS" "TRAINING_PROCESSES" }}
{{- if not (hasKey $.Values.settings .) }}
- name: {{ . }}
  valueFrom: {resourceFieldRef: {resource: limits.cpu}}
{{- end }}
{{- end }}
{{- end }}

{{- define "loan-default.portfolioMounts" -}}
{{- if .Values.portfolio.configMap }}
- {name: portfolio, mountPath: /portfolio, readOnly: true}
{{- end }}
{{- if .Values.loans.existingClaim }}
- {name: loans, mountPath: /loans, readOnly: true}
{{- end }}
{{- end }}

{{- define "loan-default.portfolioVolumes" -}}
{{- with .Values.portfolio.configMap }}
- {name: portfolio, configMap: {name: {{ . }}}}
{{- end }}
{{- with .Values.loans.existingClaim }}
- {name: loans, persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}}
{{- end }}
{{- end }}

{{/* The trusted public keys, for the pods that load models. */}}
{{- define "loan-default.publicKeysVolume" -}}
{{- $keys := .Values.signing.publicKeys }}
{{- $name := required "signing.publicKeys.name: the ConfigMap or Secret with public keys (docs/kubernetes.md, Keys)" $keys.name }}
{{- if eq $keys.kind "Secret" }}
- {name: public-keys, secret: {secretName: {{ $name }}}}
{{- else }}
- {name: public-keys, configMap: {name: {{ $name }}}}
{{- end }}
{{- end }}

{{/* The private key, for the pods that promote models; readable for the group of fsGroup. */}}
{{- define "loan-default.privateKeyVolume" -}}
{{- $key := .Values.signing.privateKey }}
{{- $name := required "signing.privateKey.name: the Secret with the key that signs models (docs/kubernetes.md, Keys)" $key.name }}
{{- $file := required "signing.privateKey.key: the key of that Secret with the PEM file" $key.key }}
{{- $public := .Values.signing.publicKeys }}
{{- if or (and (eq $public.kind "Secret") (eq $public.name $name)) (eq .Values.service.tlsSecret $name) }}
{{- fail (printf "signing.privateKey.name: the service mounts the Secret %s; the private key needs one of its own" $name) }}
{{- end }}
- {name: signing, secret: {secretName: {{ $name }}, defaultMode: 0440, items: [{key: {{ $file }}, path: signing.pem}]}}
{{- end }}

{{- define "loan-default.artifactsVolume" -}}
{{- if not (include "loan-default.objectStore" .) }}
- name: artifacts
  persistentVolumeClaim: {claimName: {{ .Values.artifacts.existingClaim | default (printf "%s-artifacts" (include "loan-default.name" .)) }}}
{{- end }}
{{- end }}

{{- define "loan-default.artifactsMount" -}}
{{- if not (include "loan-default.objectStore" .) }}
- {name: artifacts, mountPath: /artifacts}
{{- end }}
{{- end }}

{{/* (context, components): the pods of some components of this release. */}}
{{- define "loan-default.podsOf" -}}
matchLabels:
  app.kubernetes.io/name: loan-default
  app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [{{ join ", " (index . 1) }}]}
{{- end }}

{{/* The UI answers under its own names only, and the kubelet asks by the pod's address. */}}
{{- define "loan-default.uiProbe" -}}
httpGet:
  path: /server_info
  port: http
  httpHeaders: [{name: Host, value: localhost}]
{{- end }}
