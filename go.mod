module github.com/agent-preflight/agent-preflight

go 1.25.0

require (
	github.com/aquasecurity/libbpfgo v0.10.0-libbpf-1.5.1
	github.com/cilium/ebpf v0.22.0
	go.uber.org/zap v1.28.0
	go.yaml.in/yaml/v3 v3.0.4
	golang.org/x/sys v0.43.0
	golang.org/x/term v0.42.0
)

require go.uber.org/multierr v1.10.0 // indirect
