// Package debian gets packages from a Debian archive through apt, which checks
// their signatures, without touching the machine's own apt state: it keeps a
// root of its own for every architecture and suite.
package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// keyring holds the archive's public keys; Debian and Ubuntu have it in the
// package debian-archive-keyring.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// fresh is how long a package list is used before the mirror is asked again.
const fresh = 12 * time.Hour

// CacheDir is where downloads are kept between runs: AGENT_PREFLIGHT_CACHE, or
// agent-preflight in the user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv("AGENT_PREFLIGHT_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache directory (AGENT_PREFLIGHT_CACHE names one): %w", err)
	}
	return filepath.Join(dir, "agent-preflight"), nil
}

// Archive is one suite of Debian for one architecture.
type Archive struct {
	Arch  string // Debian's name: amd64, arm64, ppc64el
	Suite string // trixie, bookworm-security, trixie-backports

	dir string
}

// Open prepares the archive's root in the cache, and asks the mirror for the
// package lists if those at hand are old. Where the mirror cannot be reached
// the old ones serve.
func Open(ctx context.Context, arch, suite string) (*Archive, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	a := &Archive{Arch: arch, Suite: suite, dir: filepath.Join(cache, "apt", arch+"-"+suite)}
	if err := a.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare %s %s: %w", suite, arch, err)
	}
	return a, nil
}

func (a *Archive) prepare(ctx context.Context) error {
	for _, dir := range []string{
		"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d",
	} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	stamp := filepath.Join(a.dir, "updated")
	info, err := os.Stat(stamp)
	if err == nil && time.Since(info.ModTime()) < fresh {
		return nil
	}

	mirror, mirrorErr := mirrorFor(ctx, a.Suite)
	if mirrorErr != nil {
		return mirrorErr
	}
	line := fmt.Sprintf("[signed-by=%s] %s %s main\n", keyring, mirror, a.Suite)
	if err := os.WriteFile(filepath.Join(a.dir, "etc/sources.list"), []byte("deb "+line+"deb-src "+line), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return err
	}
	if _, updateErr := a.apt(ctx, "apt-get", "update", "-qq"); updateErr != nil {
		if err == nil { // there are older lists
			fmt.Fprintf(os.Stderr, "debian: using old package lists of %s %s: %v\n", a.Suite, a.Arch, updateErr)
			return nil
		}
		return updateErr
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// apt runs an apt tool on the archive's root and returns what it prints.
func (a *Archive) apt(ctx context.Context, tool string, args ...string) (string, error) {
	options := []string{
		"-o", "Dir::State=" + a.dir + "/state",
		"-o", "Dir::State::status=" + a.dir + "/status",
		"-o", "Dir::Cache=" + a.dir + "/cache",
		"-o", "Dir::Etc=" + a.dir + "/etc",
		"-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "APT::Architecture=" + a.Arch,
		"-o", "APT::Architectures::=" + a.Arch,
		"-o", "APT::Sandbox::User=",
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Retries=3",
		"-o", "APT::Update::Error-Mode=any",
	}
	cmd := exec.CommandContext(ctx, tool, append(options, args...)...)
	cmd.Dir = a.dir + "/cache"
	return output(cmd)
}

func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// field returns a field of the newest version of a package.
func (a *Archive) field(ctx context.Context, pkg, name string) (string, error) {
	out, err := a.apt(ctx, "apt-cache", "show", "--no-all-versions", pkg)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("package %s has no field %s", pkg, name)
}

// Fetch downloads the newest version of a package and returns the path of its
// .deb file, which stays in the cache.
func (a *Archive) Fetch(ctx context.Context, pkg string) (string, error) {
	version, err := a.field(ctx, pkg, "Version")
	if err != nil {
		return "", err
	}
	escaped := strings.NewReplacer(":", "%3a", "~", "~").Replace(version)
	pattern := filepath.Join(a.dir, "cache", pkg+"_"+escaped+"_*.deb")
	if have, _ := filepath.Glob(pattern); len(have) == 1 {
		return have[0], nil
	}
	if _, err := a.apt(ctx, "apt-get", "download", "-qq", pkg); err != nil {
		return "", err
	}
	have, err := filepath.Glob(pattern)
	if err != nil || len(have) != 1 {
		return "", fmt.Errorf("download %s %s: found %d files as %s", pkg, version, len(have), pattern)
	}
	return have[0], nil
}

// FetchSource downloads a version of a source package and returns the directory
// that its files are in.
func (a *Archive) FetchSource(ctx context.Context, pkg, version string) (string, error) {
	_, err := a.apt(ctx, "apt-get", "source", "-qq", "--download-only", pkg+"="+version)
	return filepath.Join(a.dir, "cache"), err
}

var (
	kernelPackage = regexp.MustCompile(`\blinux-image-[0-9][^ ,]*`)
	binaryPackage = regexp.MustCompile(`\blinux-binary-[0-9][^ ,]*`)
)

// FetchKernel downloads the newest kernel that a meta package stands for, for
// example linux-image-cloud-amd64, and returns the path of the package that
// holds the image.
func (a *Archive) FetchKernel(ctx context.Context, meta string) (string, error) {
	depends, err := a.field(ctx, meta, "Depends")
	if err != nil {
		return "", err
	}
	pkg := kernelPackage.FindString(depends)
	if pkg == "" {
		return "", fmt.Errorf("package %s names no kernel: %s", meta, depends)
	}
	// From 7.x on the image is in a package of its own.
	if depends, err := a.field(ctx, pkg, "Depends"); err == nil {
		if binary := binaryPackage.FindString(depends); binary != "" {
			pkg = binary
		}
	}
	return a.Fetch(ctx, pkg)
}

// Unpack extracts the members of a .deb file that match one of the patterns, as
// in tar --wildcards, below a directory.
func Unpack(ctx context.Context, deb, dir string, patterns ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unpack := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	args := []string{"-x", "-C", dir}
	if len(patterns) > 0 {
		args = append(append(args, "--wildcards"), patterns...)
	}
	tar := exec.CommandContext(ctx, "tar", args...)
	pipe, err := unpack.StdoutPipe()
	if err != nil {
		return err
	}
	tar.Stdin = pipe
	if err := unpack.Start(); err != nil {
		return err
	}
	_, tarErr := output(tar)
	return errors.Join(tarErr, unpack.Wait())
}
