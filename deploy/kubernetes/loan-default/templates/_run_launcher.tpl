{{/* What Kubernetes adds to `dagster.yaml`. */}}
{{- define "loan-default.runLauncher" -}}
{{- $name := include "loan-default.name" . }}
# Nothing is written into DAGSTER_HOME, which is a ConfigMap.
local_artifact_storage:
  module: dagster.core.storage.root
  class: LocalArtifactStorage
  config: {base_dir: /tmp/dagster}
# What a pod prints is collected by the cluster; Dagster's events are in PostgreSQL.
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
run_launcher:
  module: dagster_k8s
  class: K8sRunLauncher
  config:
    job_namespace: {{ .Release.Namespace }}
    service_account_name: {{ $name }}-run
    instance_config_map: {{ $name }}-dagster
    dagster_home: /etc/dagster
    job_image: {{ include "loan-default.image" . }}
    image_pull_policy: {{ .Values.image.pullPolicy }}
    {{- with .Values.image.pullSecrets }}
    image_pull_secrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    # dagster-k8s labels its pods as Dagster's; policies select by these.
    labels:
      {{- include "loan-default.selector" (list . "run") | nindent 6 }}
    # Whoever may start a run could otherwise choose its image, volumes and service account by a tag.
    only_allow_user_defined_k8s_config_fields:
      container_config: {resources: true}
    only_allow_user_defined_env_vars: []
    run_k8s_config:
      container_config:
        securityContext:
          {{- include "loan-default.containerSecurity" . | nindent 10 }}
        env:
          {{- include "loan-default.graphEnvironment" . | trim | nindent 10 }}
          {{- include "loan-default.secret" (list "SIGNING_KEY_PASSWORD" .Values.signing.password) | trim | nindent 10 }}
        resources:
          {{- toYaml .Values.runs.resources | nindent 10 }}
        volumeMounts:
          - {name: tmp, mountPath: /tmp}
          - {name: home, mountPath: /var/lib/loan-default}
          {{- include "loan-default.artifactsMount" . | trim | nindent 10 }}
          - {name: public-keys, mountPath: /public-keys, readOnly: true}
          - {name: signing, mountPath: /signing, readOnly: true}
          {{- include "loan-default.portfolioMounts" . | trim | nindent 10 }}
      pod_spec_config:
        automountServiceAccountToken: false
        enableServiceLinks: false
        securityContext:
          {{- include "loan-default.podSecurity" . | nindent 10 }}
        {{- with .Values.runs.nodeSelector }}
        nodeSelector:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with .Values.runs.tolerations }}
        tolerations:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        volumes:
          - {name: tmp, emptyDir: {sizeLimit: 2Gi}}
          - {name: home, emptyDir: {sizeLimit: {{ .Values.runs.homeSize }}}}
          {{- include "loan-default.artifactsVolume" . | trim | nindent 10 }}
          {{- include "loan-default.publicKeysVolume" . | trim | nindent 10 }}
          {{- include "loan-default.privateKeyVolume" . | trim | nindent 10 }}
          {{- include "loan-default.portfolioVolumes" . | trim | nindent 10 }}
      {{- with .Values.runs.annotations }}
      pod_template_spec_metadata:
        annotations:
          {{- toYaml . | nindent 10 }}
      {{- end }}
      job_spec_config:
        ttlSecondsAfterFinished: {{ int .Values.runs.ttlSeconds }}
{{- end }}
