package lsm

import (
	"regexp"
	"slices"
	"strings"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// remedy says what to do about a diagnosis on the host of the facts.
func remedy(f Facts, d Diagnosis) preflight.Remedy {
	r := preflight.Remedy{Summary: reasonInfo(d.Reason).Remedy, Commands: []string{}}
	switch d.Reason {
	case NotActive:
		list, known := bootList(f)
		if !known {
			r.Summary += " The list to extend is in /sys/kernel/security/lsm, where securityfs is mounted."
			return r
		}
		r.Summary += " The kernel parameter to set is lsm=" + list + ": it replaces the whole list, so the others stay in it."
		if place, known := f.value(factContainer); known {
			r.Summary += " This is a container (" + place + "): do it on its host."
			return r
		}
		r.Commands = bootParameter(f, "lsm="+list)
	case FtraceDisabled:
		r.Commands = []string{"sudo sysctl -w kernel.ftrace_enabled=1"}
	case NoDirectCalls, NoTrampoline:
		machine, _ := f.value(factArch)
		if arch, known := architectures[machine]; known && !arch.never() {
			r.Summary += " On " + machine + " mainline kernels from " + arch.works.String() + " on have it."
		}
	case HookBusy:
		if d.Status == preflight.Fail {
			r.Summary = "Boot a kernel built with CONFIG_FUNCTION_TRACER=y."
		}
	}
	return r
}

// bootList is the value of lsm= that adds bpf to what is active. capability,
// ima and evm have places of their own in the order and do not belong into
// lsm= (security/security.c, LSM_ORDER_FIRST and LSM_ORDER_LAST).
func bootList(f Facts) (list string, known bool) {
	list, _, known = f.order()
	if !known {
		return "", false
	}
	var names []string
	for _, name := range splitList(list) {
		if !lsmName.MatchString(name) {
			return "", false // it would go into a command of root's
		}
		if !slices.Contains([]string{"capability", "ima", "evm", "bpf"}, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(append(names, "bpf"), ","), true
}

// lsmName is what the kernel's LSMs are called. A number that lsm_list_modules
// gave for an LSM that is not known here is no name of it.
var lsmName = regexp.MustCompile(`^[a-z][a-z_]*$`)

// otherBoot are the IDs and VARIANT_IDs of os-release for which the boot loader
// is not set up as on the distribution that they derive from.
var otherBoot = []string{"pop", "raspbian", "coreos", "silverblue", "kinoite", "iot", "bootc"}

// bootParameter are the commands that add a kernel parameter for good and
// reboot. The last lsm= of a command line counts, and GRUB puts
// GRUB_CMDLINE_LINUX_DEFAULT last.
func bootParameter(f Facts, parameter string) []string {
	ids, _ := f.value(factOSID)
	family := func(names ...string) bool {
		return slices.ContainsFunc(strings.Fields(ids), func(id string) bool { return slices.Contains(names, id) })
	}
	release, _ := f.value(factRelease)
	switch {
	case family(otherBoot...), strings.Contains(strings.ToLower(release), "microsoft"): // WSL
		return []string{}
	case family("debian", "ubuntu"):
		return []string{
			`echo 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ` + parameter + `"' | sudo tee /etc/default/grub.d/zz-bpf-lsm.cfg`,
			"sudo update-grub",
			"sudo reboot",
		}
	case family("rhel", "fedora", "centos", "amzn"):
		return []string{
			"sudo grubby --update-kernel=ALL --args=" + parameter,
			"sudo reboot",
		}
	}
	return []string{}
}
