package debian

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// mirrorFor returns the base address of the archive that serves a suite:
// DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR where they are set, else what the
// machine's own apt uses for Debian, else what debootstrap would use.
func mirrorFor(ctx context.Context, suite string) (string, error) {
	security := strings.HasSuffix(suite, "-security")
	variable := "DEBIAN_MIRROR"
	if security {
		variable = "DEBIAN_SECURITY_MIRROR"
	}
	if mirror := os.Getenv(variable); mirror != "" {
		return mirror, nil
	}
	targets, err := output(exec.CommandContext(ctx, "apt-get", "indextargets",
		"--format", "$(REPO_URI) $(RELEASE) $(LABEL)", "Created-By: Packages"))
	if err != nil {
		return "", err
	}
	if mirror := fromTargets(targets, security); mirror != "" {
		return mirror, nil
	}
	if script, err := os.ReadFile("/usr/sbin/debootstrap"); err == nil {
		if mirror := fromDebootstrap(string(script), security); mirror != "" {
			return mirror, nil
		}
	}
	return "", errors.New("no Debian mirror is known: set " + variable + ", or install debootstrap")
}

// fromTargets finds a Debian mirror in the lines "address release label" of the
// machine's own apt.
func fromTargets(targets string, security bool) string {
	for line := range strings.Lines(targets) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.Contains(fields[0], "debian") {
			continue
		}
		if strings.HasSuffix(fields[1], "-security") != security {
			continue
		}
		if base := filepath.Base(strings.TrimRight(fields[0], "/")); base == "debian" || base == "debian-security" {
			return fields[0]
		}
	}
	return ""
}

var defaultMirror = regexp.MustCompile(`(?m)^\s*DEF_MIRROR="?([^"\s]+/debian)/?"?\s*$`)

// fromDebootstrap finds Debian's default mirror in the debootstrap script; the
// security archive is beside it.
func fromDebootstrap(script string, security bool) string {
	match := defaultMirror.FindStringSubmatch(script)
	if match == nil {
		return ""
	}
	if security {
		return match[1] + "-security"
	}
	return match[1]
}
