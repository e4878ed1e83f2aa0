{{- define "romashka.name" -}}
{{- if contains "romashka" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-romashka{{ end }}
{{- end }}

{{- define "romashka.selector" -}}
app.kubernetes.io/name: romashka
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "romashka.labels" -}}
{{ include "romashka.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "romashka.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* What every pod has: nobody's rights, no token of the cluster, a file system that cannot be written. */}}
{{- define "romashka.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "romashka.container" -}}
image: {{ include "romashka.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "romashka.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.kafkaCaSecret }}
- name: kafka-ca
  mountPath: /etc/romashka/kafka
  readOnly: true
{{- end }}
{{- if .Values.kafkaCertificate.secret }}
- name: kafka-certificate
  mountPath: /etc/romashka/kafka-certificate
  readOnly: true
{{- end }}
{{- end }}

{{- define "romashka.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if .Values.kafkaCaSecret }}
- name: kafka-ca
  secret:
    secretName: {{ .Values.kafkaCaSecret }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with .Values.kafkaCertificate }}
{{- if .secret }}
- name: kafka-certificate
  secret:
    secretName: {{ .secret }}
    items: [{key: {{ .certificateKey }}, path: tls.crt}, {key: {{ .privateKeyKey }}, path: tls.key}]
{{- end }}
{{- end }}
{{- end }}

{{/* Settings of all; those of hooks are written out, because hooks run before a ConfigMap is there. */}}
{{- define "romashka.config" -}}
{{- range $name, $value := .Values.config }}
{{- if ne (toString $value) "" }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if .Values.kafkaCaSecret }}
- name: ROMASHKA_KAFKA_CA_FILE
  value: /etc/romashka/kafka/ca.crt
{{- end }}
{{- if .Values.kafkaCertificate.secret }}
- name: ROMASHKA_KAFKA_CERTIFICATE_FILE
  value: /etc/romashka/kafka-certificate/tls.crt
- name: ROMASHKA_KAFKA_KEY_FILE
  value: /etc/romashka/kafka-certificate/tls.key
{{- end }}
{{- end }}

{{- define "romashka.reports.mount" -}}
- name: reports
  mountPath: /var/lib/romashka/reports
{{- end }}

{{- define "romashka.reports.volume" -}}
- name: reports
  {{- if .Values.reports.claim }}
  persistentVolumeClaim: {claimName: {{ .Values.reports.claim }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
