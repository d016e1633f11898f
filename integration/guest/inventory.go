package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inventory is what a run could leave behind on a host, by name.
type inventory map[string]bool

// Commands of bpf(2), include/uapi/linux/bpf.h.
var idCommands = []struct {
	kind    string
	command uintptr
}{
	{"program", 11}, // BPF_PROG_GET_NEXT_ID
	{"map", 12},     // BPF_MAP_GET_NEXT_ID
	{"btf", 23},     // BPF_BTF_GET_NEXT_ID
	{"link", 31},    // BPF_LINK_GET_NEXT_ID
}

func takeInventory() inventory {
	have := inventory{}
	for _, c := range idCommands {
		for id := uint32(0); ; {
			attr := struct{ start, next, flags uint32 }{start: id}
			_, _, errno := unix.Syscall(unix.SYS_BPF, c.command, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
			if errno != 0 {
				break
			}
			id = attr.next
			have[fmt.Sprintf("%s %d", c.kind, id)] = true
		}
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil {
		for line := range strings.Lines(string(mounts)) {
			have["mount "+strings.TrimSpace(line)] = true
		}
	}
	_ = filepath.WalkDir("/", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == "/proc" || path == "/sys" {
			return fs.SkipDir
		}
		have["file "+path] = true
		return nil
	})
	have.pinned()
	return have
}

// pinned adds what is pinned to the BPF file system.
func (have inventory) pinned() {
	entries, _ := os.ReadDir("/sys/fs/bpf")
	for _, e := range entries {
		have["pinned "+e.Name()] = true
	}
}

// leftovers compares the host with what it was. The kernel frees programs some
// time after their last descriptor is closed, so it is given that time.
func leftovers(before inventory) []string {
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now := takeInventory()
		var diff []string
		for name := range now {
			if !before[name] {
				diff = append(diff, "new: "+name)
			}
		}
		for name := range maps.Keys(before) {
			if !now[name] {
				diff = append(diff, "gone: "+name)
			}
		}
		if len(diff) == 0 || time.Now().After(deadline) {
			slices.Sort(diff)
			return diff
		}
	}
}
