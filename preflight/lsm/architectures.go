package lsm

import "fmt"

// version is a kernel version. The zero value means that there is none.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// after reports whether v is later than the release as of uname -r.
func (v version) after(release string) bool { return olderThan(release, v.major, v.minor) }

// architecture says since when BPF programs can be attached to the functions of
// a mainline kernel. Distributions backport: this only names a likely cause
// where neither the configuration nor the BTF of the kernel tells the true one.
type architecture struct {
	trampoline version // first with BPF trampolines
	works      version // first on which LSM programs attach, given the configuration
}

func (a architecture) never() bool { return a.works == version{} }

// architectures is keyed by the machine of uname(2).
var architectures = map[string]architecture{
	// fec56f5890d9 brought trampolines with 5.5; BPF LSM came with 5.7.
	"x86_64": {trampoline: version{5, 5}, works: version{5, 7}},
	// efc9909fdce0 brought trampolines with 6.0, 2aa6ac03516d the direct calls
	// with 6.4 without which they cannot be attached to kernel functions.
	"aarch64": {trampoline: version{6, 0}, works: version{6, 4}},
	// 528eb2cb87bc, 6.3.
	"s390x": {trampoline: version{6, 3}, works: version{6, 3}},
	// 49b5e77ae3e2 brought trampolines with 6.3, c2ef4129456a direct calls.
	"riscv64": {trampoline: version{6, 3}, works: version{6, 8}},
	// d243b62b7bd3, 6.13.
	"ppc64le": {trampoline: version{6, 13}, works: version{6, 13}},
	// f9b6b41f0cf3, 6.17.
	"loongarch64": {trampoline: version{6, 17}, works: version{6, 17}},
	// No trampolines so far.
	"armv7l": {}, "armv8l": {}, "i686": {}, "mips64": {}, "mips": {},
}
