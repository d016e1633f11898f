package lsm

import "go.uber.org/zap"

// Loader names the library that brings the program into the kernel.
type Loader string

// The loaders. Which of them a binary has is decided when it is built.
const (
	Libbpf Loader = "libbpf" // github.com/aquasecurity/libbpfgo, needs cgo
	EBPF   Loader = "ebpf"   // github.com/cilium/ebpf, pure Go
)

// Loaders lists the loaders of this binary, the default first. It is empty on
// systems other than Linux.
func Loaders() []Loader {
	list := make([]Loader, len(loaders))
	for i, l := range loaders {
		list[i] = l.name
	}
	return list
}

// namedLoader ties a loader's name to its making.
type namedLoader struct {
	name Loader
	make func(*zap.Logger) loader
}

func findLoader(name Loader) (namedLoader, bool) {
	for _, l := range loaders {
		if l.name == name || name == "" {
			return l, true
		}
	}
	return namedLoader{}, false
}
