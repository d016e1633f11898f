module example.com/agent

go 1.25.0

require (
	github.com/agent-preflight/agent-preflight v0.0.0
	go.uber.org/zap v1.28.0
)

require (
	github.com/aquasecurity/libbpfgo v0.10.0-libbpf-1.5.1 // indirect
	github.com/cilium/ebpf v0.22.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	golang.org/x/sys v0.43.0 // indirect
)

replace github.com/agent-preflight/agent-preflight => ../..
