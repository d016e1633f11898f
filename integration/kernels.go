// Package integration proves the project on real kernels in virtual machines.
// Its tables say which kernels there are and what each must answer; its tests,
// under the build tag vm, boot them and compare. Expectations are declared
// here, never probed.
package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/agent-preflight/agent-preflight/integration/debian"
)

// Kernel is a kernel that Debian ships.
type Kernel struct {
	Name   string // ARCH-SERIES, the key of the table
	Arch   string // Debian's name
	Series string // major.minor, or "newest"
	Suite  string // of Debian
	Meta   string // meta package of the newest kernel of the suite
}

// kernels is the table of kernels. Debian's cloud kernels boot without modules.
var kernels = []Kernel{
	{"amd64-5.10", "amd64", "5.10", "bullseye", "linux-image-cloud-amd64"},
	{"amd64-6.1", "amd64", "6.1", "bookworm-security", "linux-image-cloud-amd64"},
	{"amd64-6.12", "amd64", "6.12", "trixie", "linux-image-cloud-amd64"},
	{"amd64-newest", "amd64", "newest", "trixie-backports", "linux-image-cloud-amd64"},
	{"arm64-5.10", "arm64", "5.10", "bullseye", "linux-image-cloud-arm64"},
	{"arm64-6.1", "arm64", "6.1", "bookworm-security", "linux-image-cloud-arm64"},
	{"arm64-6.12", "arm64", "6.12", "trixie", "linux-image-cloud-arm64"},
	{"arm64-newest", "arm64", "newest", "trixie-backports", "linux-image-cloud-arm64"},
}

// Kernels returns the table of kernels.
func Kernels() []Kernel { return append([]Kernel(nil), kernels...) }

func kernelNamed(name string) (Kernel, error) {
	for _, k := range kernels {
		if k.Name == name {
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("no kernel %q in the table", name)
}

// Image returns the path of the kernel's image, downloading the newest of its
// series where the cache does not have it.
func (k Kernel) Image(ctx context.Context) (string, error) {
	archive, err := debian.Open(ctx, k.Arch, k.Suite)
	if err != nil {
		return "", err
	}
	deb, err := archive.FetchKernel(ctx, k.Meta)
	if err != nil {
		return "", fmt.Errorf("fetch kernel %s: %w", k.Name, err)
	}
	dir := strings.TrimSuffix(deb, ".deb")
	if image, err := findImage(dir); err == nil {
		return image, nil
	}
	// Unpacked aside and renamed, so that a run that was killed leaves no half.
	part, err := os.MkdirTemp(filepath.Dir(dir), "part-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	if err := debian.Unpack(ctx, deb, part, "./*/vmlinu[xz]*"); err != nil {
		return "", fmt.Errorf("unpack kernel %s: %w", k.Name, err)
	}
	if err := os.Rename(part, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return findImage(dir)
}

// findImage looks where Debian has put images: /boot/vmlinuz-RELEASE, from 7.x
// on /usr/lib/modules/RELEASE/vmlinuz.
func findImage(dir string) (string, error) {
	for _, pattern := range []string{"boot/vmlinu[xz]-*", "usr/lib/modules/*/vmlinu[xz]*"} {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) == 1 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("no kernel image in %s", dir)
}

// given is the file that describes a kernel of KERNELS=dir: image NAME,
// description NAME.json.
type given struct {
	Arch   string `json:"arch"`
	Append string `json:"append"`
	Want
}

// givenRows reads the rows of a directory of kernel images.
func givenRows(dir string) ([]Row, error) {
	descriptions, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(descriptions) == 0 {
		return nil, fmt.Errorf("KERNELS=%s: no NAME.json there", dir)
	}
	var rows []Row
	for _, path := range descriptions {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var g given
		if err := json.Unmarshal(raw, &g); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		image := strings.TrimSuffix(path, ".json")
		if _, err := os.Stat(image); err != nil {
			return nil, err
		}
		rows = append(rows, Row{
			Name: filepath.Base(image) + " from KERNELS", Image: image, Arch: g.Arch, Append: g.Append, Want: g.Want,
		})
	}
	return rows, nil
}
