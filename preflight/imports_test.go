package preflight

import (
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// imports says what each package of the library and the command may import
// beyond the standard library; "..." allows everything below.
var imports = map[string][]string{
	"preflight":         {"go.uber.org/...", "golang.org/x/sys/..."},
	"preflight/lsm":     {"preflight", "preflight/lsm/bpf", "github.com/cilium/ebpf/...", "github.com/aquasecurity/libbpfgo/...", "go.uber.org/...", "golang.org/x/sys/..."},
	"preflight/lsm/bpf": {},
	"cmd/agent-preflight": {"preflight", "preflight/lsm", "preflight/lsm/bpf", "github.com/cilium/ebpf/...", "github.com/aquasecurity/libbpfgo/...",
		"go.uber.org/...", "go.yaml.in/yaml/v3", "golang.org/x/..."},
}

// TestImports proves the direction of imports, with everything that is pulled
// in indirectly: in particular that preflight alone brings neither cgo nor BPF.
func TestImports(t *testing.T) {
	for pkg, allowed := range imports {
		for _, cgo := range []string{"0", "1"} {
			cmd := exec.Command("go", "list", "-e", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", modulePath+"/"+pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %v", cmd, err)
			}
			for _, dep := range strings.Fields(string(out)) {
				name := strings.TrimPrefix(dep, modulePath+"/")
				if name != pkg && !allows(allowed, name) {
					t.Errorf("%s (CGO_ENABLED=%s) imports %s", pkg, cgo, name)
				}
			}
		}
	}
}

func allows(patterns []string, name string) bool {
	for _, p := range patterns {
		prefix, tree := strings.CutSuffix(p, "/...")
		if name == path.Clean(prefix) || tree && strings.HasPrefix(name, prefix+"/") {
			return true
		}
	}
	return false
}

// TestNoCgo proves that neither runtime/cgo nor a package using it comes with
// preflight, whatever the build's setting.
func TestNoCgo(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}", modulePath+"/preflight")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("uses cgo: %s (%v)", out, err)
	}
}

// TestNoSignals proves that the library cannot install a signal handler.
func TestNoSignals(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", modulePath+"/preflight/lsm").Output()
	if err != nil || !strings.Contains(string(out), modulePath) || strings.Contains(string(out), "os/signal") {
		t.Errorf("imports os/signal, or could not be listed: %v", err)
	}
}
