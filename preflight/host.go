package preflight

import (
	"io/fs"
	"os"
	"strings"
	"unicode"
)

// Host says which machine a report is about.
type Host struct {
	Kernel       string `json:"kernel"`       // release, as uname -r
	Arch         string `json:"arch"`         // the kernel's machine, as uname -m
	Distribution string `json:"distribution"` // PRETTY_NAME of os-release(5), or ""
}

// ThisHost describes the running machine.
func ThisHost() Host {
	release, machine := uname()
	return Host{Kernel: release, Arch: machine, Distribution: distribution(os.DirFS("/"))}
}

// distribution reads the name of the distribution; os-release(5) gives the two
// places and their order.
func distribution(root fs.FS) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				return Printable(strings.Trim(strings.TrimSpace(value), `"'`))
			}
		}
	}
	return ""
}

// Printable returns text from a file or the kernel with everything replaced
// that could move a terminal's cursor or break a line; see unicode.IsPrint.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
