//go:build vm

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/integration/qemu"
	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// Times out a machine that hangs; a boot with its runs takes some seconds a run.
const bootTimeout = 10 * time.Minute

// guests is where `make guests` puts what runs inside the machines.
const guests = "../build/guest"

// variant is a binary and the loader that it is told to use.
type variant struct {
	name   string
	argv   []string
	loader lsm.Loader
}

// patience is the checks' deadline in the machines: the tests are about
// verdicts, and emulation on a busy machine is slow.
var patience = []string{"--timeout", "2m"}

var variants = []variant{
	{"libbpf", append([]string{"agent-preflight", "-o", "json", "--loader", "libbpf"}, patience...), lsm.Libbpf},
	{"ebpf", append([]string{"agent-preflight", "-o", "json", "--loader", "ebpf"}, patience...), lsm.EBPF},
	{"CGO_ENABLED=0", append([]string{"agent-preflight-nocgo", "-o", "json"}, patience...), lsm.EBPF},
	{"lsm_check", append([]string{"lsm_check", "--quiet"}, patience...), ""},
}

// TestHosts boots every row of the table of hosts and compares the verdict of
// every variant. Rows that share kernel and parameters share a boot.
func TestHosts(t *testing.T) {
	table := Rows()
	if dir := os.Getenv("KERNELS"); dir != "" {
		given, err := givenRows(dir)
		if err != nil {
			t.Fatal(err)
		}
		table = append(table, given...)
	}
	var m matrix
	// After the parallel subtests of the group.
	t.Cleanup(func() { m.print(t) })
	t.Run("boot", func(t *testing.T) {
		for _, group := range byBoot(table) {
			t.Run(bootName(group[0]), func(t *testing.T) {
				t.Parallel()
				testBoot(t, group, &m)
			})
		}
	})
}

// byBoot groups rows that differ only in what is set up after boot.
func byBoot(table []Row) [][]Row {
	var groups [][]Row
	for _, r := range table {
		i := slices.IndexFunc(groups, func(g []Row) bool { return bootName(g[0]) == bootName(r) })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func bootName(r Row) string {
	return strings.TrimSpace(r.Kernel + r.Image + " " + r.Append)
}

// step is a run and what to make of its result.
type step struct {
	row   Row
	run   job.Run
	check func(*testing.T, job.Result) *variant // the variant that the result is to be listed under
}

func testBoot(t *testing.T, group []Row, m *matrix) {
	var steps []step
	for _, r := range group {
		steps = append(steps, verdictSteps(r)...)
		steps = append(steps, agentSteps(r)...)
		steps = append(steps, hooksSteps(r)...)
	}
	var j job.Job
	for _, s := range steps {
		s.run.Name, s.run.Setup = s.row.Name+", "+s.run.Name, s.row.Setup
		j.Runs = append(j.Runs, s.run)
	}
	out := boot(t, group[0], j)
	for i, s := range steps {
		result := out.Report.Results[i]
		t.Run(result.Name, func(t *testing.T) {
			if result.Error != "" || result.Signal != "" {
				t.Fatalf("it could not be run: %s %s\n%s", result.Error, result.Signal, result.Stderr)
			}
			if len(result.Leftovers) > 0 {
				t.Errorf("left on the host: %v", result.Leftovers)
			}
			if v := s.check(t, result); v != nil {
				m.add(s.row, *v, out, !t.Failed())
			}
		})
	}
}

func verdictSteps(r Row) []step {
	var steps []step
	for _, v := range variants {
		steps = append(steps, step{r, job.Run{Name: v.name, Argv: v.argv}, func(t *testing.T, result job.Result) *variant {
			checkVerdict(t, r, v, result)
			return &v
		}})
	}
	return steps
}

// boot runs a job on the machine of a row.
func boot(t *testing.T, r Row, j job.Job) qemu.Output {
	t.Helper()
	return bootFor(t, r, j, bootTimeout)
}

func bootFor(t *testing.T, r Row, j job.Job, timeout time.Duration) qemu.Output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	image, arch := r.Image, r.Arch
	if image == "" {
		k, err := kernelNamed(r.Kernel)
		if err != nil {
			t.Fatal(err)
		}
		arch = k.Arch
		if image, err = k.Image(ctx); err != nil {
			t.Fatal(err)
		}
	}
	programs, err := filepath.Glob(filepath.Join(guests, arch, "bin", "*"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("no programs for %s in %s: run `make guests`", arch, guests)
	}
	out, err := qemu.Run(ctx, qemu.Boot{
		Arch: arch, Kernel: image, Append: r.Append, MemoryMB: r.MemoryMB,
		Init: filepath.Join(guests, arch, "init"), Programs: programs, Job: j,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Report.Results) != len(j.Runs) {
		t.Fatalf("%d results of %d runs", len(out.Report.Results), len(j.Runs))
	}
	return out
}

var exitCodes = map[preflight.Status]int{preflight.Pass: 0, preflight.Fail: 1, preflight.Unknown: 2}

func checkVerdict(t *testing.T, r Row, v variant, result job.Result) {
	if want := exitCodes[r.Want.Status]; result.ExitCode != want {
		t.Errorf("exit code %d, want %d\n%s%s", result.ExitCode, want, result.Stdout, result.Stderr)
	}
	if result.Stderr != "" {
		t.Errorf("stderr is not empty: %s", result.Stderr)
	}
	if v.loader == "" { // quiet
		if result.Stdout != "" {
			t.Errorf("stdout is not empty: %s", result.Stdout)
		}
		return
	}
	var report preflight.Report
	if err := json.Unmarshal([]byte(result.Stdout), &report); err != nil {
		t.Fatalf("read its JSON: %v\n%s", err, result.Stdout)
	}
	c := report.Checks[0]
	got := Want{c.Status, lsm.Stage(c.Stage), c.Reason}
	if got != r.Want || report.Status != r.Want.Status {
		t.Errorf("got %v, want %v\n%s", got, r.Want, result.Stdout)
	}
	if c.Loader != string(v.loader) {
		t.Errorf("loader %q, want %q", c.Loader, v.loader)
	}
	if (c.Status == preflight.Pass) != (len(c.Facts) == 0) {
		t.Errorf("status %v with %d facts", c.Status, len(c.Facts))
	}
}

// matrix collects what was seen, for the eye and for docs/.
type matrix struct {
	mu    sync.Mutex
	cells []cell
}

type cell struct {
	row, variant, kernel, accel string
	want                        Want
	ok                          bool
}

func (m *matrix) add(r Row, v variant, out qemu.Output, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	arch := r.Arch
	if k, err := kernelNamed(r.Kernel); err == nil {
		arch = k.Arch
	}
	m.cells = append(m.cells, cell{arch + " " + r.Name, v.name, out.Report.Kernel, out.Accel, r.Want, ok})
}

func (m *matrix) print(t *testing.T) {
	slices.SortFunc(m.cells, func(a, b cell) int { return strings.Compare(a.row+a.variant, b.row+b.variant) })
	var b strings.Builder
	right := 0
	for i, c := range m.cells {
		if i == 0 || c.row != m.cells[i-1].row {
			fmt.Fprintf(&b, "\n%-48s %-28s %-4s %-8s %-8s %-18s", c.row, c.kernel, c.accel, c.want.Status, c.want.Stage, c.want.Reason)
		}
		mark := "WRONG"
		if c.ok {
			mark = "ok"
			right++
		}
		fmt.Fprintf(&b, " %s:%s", c.variant, mark)
	}
	t.Logf("hosts as tested:%s\n%d tried, %d right, %d wrong", b.String(), len(m.cells), right, len(m.cells)-right)
}
