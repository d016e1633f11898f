package lsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// hookPrefix begins the names of the kernel functions that are the hooks, and of
// some that are not. hookUnion names the hooks alone (include/linux/lsm_hooks.h).
const (
	hookPrefix = "bpf_lsm_"
	hookUnion  = "security_list_options"
)

// kind is a way of attaching to a hook.
type kind struct {
	prefix     string // of the feature
	sleepable  bool
	attachType uint32 // include/uapi/linux/bpf.h
	goOn       int32  // what a program returns to change nothing
}

var (
	// For the return values see check_return_code in kernel/bpf/verifier.c.
	kindMAC       = kind{"lsm/", false, 27, 0}        // BPF_LSM_MAC
	kindSleepable = kind{"lsm.s/", true, 27, 0}       // BPF_LSM_MAC
	kindCgroup    = kind{"lsm_cgroup/", false, 43, 1} // BPF_LSM_CGROUP, from 6.0 (69fd337a975c)
)

var kinds = []kind{kindMAC, kindSleepable, kindCgroup}

// parseFeature splits a feature into its kind and hook. Features that are not
// about LSM, or name no hook, are not this check's to answer.
func parseFeature(f preflight.Feature) (k kind, hook string, ok bool) {
	for _, k := range kinds {
		if hook, found := strings.CutPrefix(string(f), k.prefix); found {
			return k, hook, validHook(hook)
		}
	}
	return kind{}, "", false
}

// validHook reports whether the text can be the name of a C function.
func validHook(hook string) bool {
	for _, c := range hook {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return hook != ""
}

// surface is what of BPF LSM the running kernel offers beyond file_open.
type surface interface {
	// hooks returns the BTF ids of all hooks, by name without prefix.
	hooks() (map[string]uint32, error)
	// accepts loads, and does not attach, a program that does nothing, and
	// returns "" or the name of the errno.
	accepts(k kind, id uint32) string
}

// hookTable answers questions about hooks on top of a surface, asking it once
// for each thing.
type hookTable struct {
	surface surface
	ids     map[string]uint32
	err     error
	answers map[string]string // feature -> errno
}

func newHookTable(s surface) *hookTable {
	t := &hookTable{surface: s, answers: map[string]string{}}
	t.ids, t.err = s.hooks()
	return t
}

func (t *hookTable) errno(k kind, hook string) string {
	feature := k.prefix + hook
	answer, known := t.answers[feature]
	if !known {
		answer = t.surface.accepts(k, t.ids[hook])
		t.answers[feature] = answer
	}
	return answer
}

// cgroupWorks reports whether any hook takes lsm_cgroup programs.
func (t *hookTable) cgroupWorks() bool {
	const control = "socket_bind" // has taken them since there are any
	_, ok := t.ids[control]
	return ok && t.errno(kindCgroup, control) == ""
}

// judge answers for one hook on a kernel where file_open is proved.
func (t *hookTable) judge(k kind, hook string) Diagnosis {
	if t.err != nil {
		return because(Internal, "read the hooks: "+preflight.Printable(t.err.Error()))
	}
	if _, ok := t.ids[hook]; !ok {
		return because(HookMissing)
	}
	errno := t.errno(k, hook)
	switch {
	case errno == "":
		return because(Accepted)
	case errno == "EPERM":
		return because(DeniedByPolicy)
	case errno == "EACCES":
		return because(DeniedByLSM)
	case errno == "ENOSYS":
		return because(DeniedBySeccomp, "bpf(2) answers ENOSYS")
	case exhausted(errno):
		return because(OutOfResources, errno)
	case k == kindCgroup && !t.cgroupWorks():
		return because(NoCgroupLSM)
	case k == kindCgroup:
		return because(HookNotForCgroups)
	case k == kindSleepable && t.errno(kindMAC, hook) == "":
		return because(HookNotSleepable)
	}
	return because(HookRefused, errno)
}

// answer answers for the features asked of the check. Where file_open is not
// proved to work no hook does, for the same reason.
func answer(features []preflight.Feature, base preflight.Result, open func() *hookTable) []preflight.FeatureResult {
	var results []preflight.FeatureResult
	var table *hookTable
	for _, feature := range features {
		k, hook, ok := parseFeature(feature)
		if !ok {
			continue
		}
		r := preflight.FeatureResult{
			Feature: feature, Status: base.Status, Reason: base.Reason, Summary: base.Summary, Remedy: base.Remedy,
		}
		if base.Status == preflight.Pass && !(k == kindMAC && hook == "file_open") {
			if table == nil {
				table = open()
			}
			d := table.judge(k, hook)
			r.Status, r.Reason, r.Summary = d.Status, d.Reason, d.Summary
			r.Remedy = remedy(nil, d)
		}
		if r.Remedy.Commands == nil {
			r.Remedy.Commands = []string{}
		}
		results = append(results, r)
	}
	return results
}

// Hook is a row of the table of hooks of a kernel: for each kind of program
// "y" where the verifier takes one that does nothing, else why not.
type Hook struct {
	Name      string `json:"hook"`
	MAC       string `json:"lsm"`
	Sleepable string `json:"lsm.s"`
	Cgroup    string `json:"lsm_cgroup"`
}

// Accepts reports whether any kind of program is taken.
func (h Hook) Accepts() bool { return h.MAC == yes || h.Sleepable == yes || h.Cgroup == yes }

const yes = "y"

// all judges every hook for every kind.
func (t *hookTable) all() ([]Hook, error) {
	if t.err != nil {
		return nil, fmt.Errorf("read the hooks: %w", t.err)
	}
	var refused error
	word := func(k kind, hook string) string {
		d := t.judge(k, hook)
		if d.Status == preflight.Unknown {
			refused = fmt.Errorf("load a program on %s: %s; the check says why", hook, t.errno(k, hook))
		}
		if d.Reason != Accepted {
			return string(d.Reason)
		}
		return yes
	}
	var hooks []Hook
	for _, name := range slices.Sorted(maps.Keys(t.ids)) {
		hooks = append(hooks, Hook{name, word(kindMAC, name), word(kindSleepable, name), word(kindCgroup, name)})
		if refused != nil {
			return nil, refused
		}
	}
	return hooks, nil
}
