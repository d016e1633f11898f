package lsm

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// RequirementsOf reads a compiled BPF object and returns the features that its
// LSM programs need, sorted and each once; none for an object without such
// programs. The section's name decides, as with libbpf; what follows the name
// of the hook in it, a suffix of somebody's own, does not count. An object that
// cannot be read, and a section that names no hook, are errors.
func RequirementsOf(r io.ReaderAt) (features []preflight.Feature, err error) {
	defer func() {
		if p := recover(); p != nil { // the file is not ours, nor is the parser
			features, err = nil, fmt.Errorf("read BPF object: malformed: %v", p)
		}
	}()
	spec, err := ebpf.LoadCollectionSpecFromReader(r)
	if err != nil {
		return nil, fmt.Errorf("read BPF object: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		section := spec.Programs[name].SectionName
		feature, ok, err := featureOf(section)
		if err != nil {
			return nil, fmt.Errorf("read BPF object: program %s: %w", preflight.Printable(name), err)
		}
		if ok {
			features = append(features, feature)
		}
	}
	slices.Sort(features)
	return slices.Compact(features), nil
}

// featureOf is the feature that a section needs; ok is false for sections that
// are not about LSM.
func featureOf(section string) (f preflight.Feature, ok bool, err error) {
	section = strings.TrimPrefix(section, "?") // libbpf: not loaded by default
	for _, k := range kinds {
		rest, found := strings.CutPrefix(section, k.prefix)
		if !found {
			if section == strings.TrimSuffix(k.prefix, "/") {
				return "", false, fmt.Errorf("section %q names no hook", section)
			}
			continue
		}
		hook := rest
		if end := strings.IndexFunc(rest, func(r rune) bool { return !validHook(string(r)) }); end >= 0 {
			hook = rest[:end]
		}
		if hook == "" {
			return "", false, fmt.Errorf("section %q names no hook", preflight.Printable(section))
		}
		return preflight.Feature(k.prefix + hook), true, nil
	}
	return "", false, nil
}
