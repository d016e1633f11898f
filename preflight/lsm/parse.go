package lsm

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// This file holds the readers of what the kernel and the distribution write.
// They are pure and take anything: what they cannot make sense of is an error
// or is left out, never a panic.

// olderThan reports whether a kernel release as of uname -r is before
// major.minor. A release that cannot be read is not older.
func olderThan(release string, major, minor int) bool {
	gotMajor, gotMinor, ok := parseRelease(release)
	return ok && (gotMajor < major || gotMajor == major && gotMinor < minor)
}

func parseRelease(release string) (major, minor int, ok bool) {
	first, rest, _ := strings.Cut(release, ".")
	second := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	major, errMajor := strconv.Atoi(first)
	minor, errMinor := strconv.Atoi(second)
	return major, minor, errMajor == nil && errMinor == nil && major >= 0
}

// splitList splits a list of LSMs, as in /sys/kernel/security/lsm and lsm=.
func splitList(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

// listed reports whether name is a member of the list: "bpfx" does not hold "bpf".
func listed(list, name string) bool { return slices.Contains(splitList(list), name) }

// cmdlineValue returns the value of the last parameter name= of a kernel
// command line, which is the one that counts for lsm= (security/security.c).
// Words may be quoted, and what follows "--" is for init (kernel/params.c).
func cmdlineValue(cmdline, name string) (value string, ok bool) {
	for _, word := range cmdlineWords(cmdline) {
		if word == "--" {
			break
		}
		if key, v, found := strings.Cut(word, "="); found && key == name {
			value, ok = strings.Trim(v, `"`), true
		}
	}
	return value, ok
}

func cmdlineWords(cmdline string) []string {
	quoted := false
	return strings.FieldsFunc(cmdline, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n')
	})
}

// parseConfig picks options out of a kernel configuration. An option that a
// readable configuration does not name is "n": one whose dependencies are not
// met is not written at all.
func parseConfig(r io.Reader, options []string) (map[string]string, error) {
	values := make(map[string]string, len(options))
	for _, name := range options {
		values[name] = "n"
	}
	named := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || !strings.HasPrefix(key, "CONFIG_") {
			continue
		}
		named++
		if _, wanted := values[key]; wanted {
			values[key] = strings.Trim(value, `"`)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if named == 0 {
		return nil, fmt.Errorf("no CONFIG_ line in it")
	}
	return values, nil
}

// statusField returns a field of /proc/PID/status, see proc_pid_status(5).
func statusField(status, name string) (string, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("no line %s: in it", name)
}

// osReleaseField returns a field of os-release(5), or "".
func osReleaseField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// Capabilities that matter here; numbers from include/uapi/linux/capability.h.
var capabilities = []struct {
	bit  uint
	name string
}{
	{21, "CAP_SYS_ADMIN"},
	{24, "CAP_SYS_RESOURCE"},
	{38, "CAP_PERFMON"},
	{39, "CAP_BPF"},
}

// parseCapabilities turns the mask of CapEff into the names of those that matter.
func parseCapabilities(mask string) (string, error) {
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		return "", fmt.Errorf("capability mask: %w", err)
	}
	var names []string
	for _, c := range capabilities {
		if bits&(1<<c.bit) != 0 {
			names = append(names, c.name)
		}
	}
	if names == nil {
		return "none", nil
	}
	return strings.Join(names, ","), nil
}

// initialUIDMap is uid_map in the initial user namespace, see user_namespaces(7).
func initialUIDMap(uidMap string) bool {
	return slices.Equal(strings.Fields(uidMap), []string{"0", "0", "4294967295"})
}

// lockdownMode returns the mode in brackets of /sys/kernel/security/lockdown.
func lockdownMode(text string) (string, error) {
	_, rest, ok := strings.Cut(text, "[")
	mode, _, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return "", fmt.Errorf("no mode in brackets in %q", firstLine(text))
	}
	return mode, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
