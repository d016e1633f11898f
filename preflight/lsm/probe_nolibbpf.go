//go:build linux && (!cgo || nolibbpf)

package lsm

var loaders = []namedLoader{{EBPF, newEBPF}}
