//go:build vm

package integration

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// TestSoak runs many checks in one process: SOAK of them one after the other,
// 20 by default, for each takes a second under emulation; and 64 at once, more
// than the hook takes programs (38), so that some must wait for others.
func TestSoak(t *testing.T) {
	row, atOnce := 20, 64
	if text := os.Getenv("SOAK"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		row = n
	}
	for _, tt := range []struct {
		host        Row
		loader      lsm.Loader
		row, atOnce int
	}{
		{Row{Kernel: "amd64-6.12", MemoryMB: 2048}, lsm.Libbpf, row, atOnce},
		{Row{Kernel: "amd64-6.12", MemoryMB: 2048}, lsm.EBPF, row, atOnce},
		// RLIMIT_MEMLOCK, 64 kB here, counts before 5.11.
		{Row{Kernel: "amd64-5.10", Append: "lsm=lockdown,yama,bpf"}, lsm.Libbpf, 2, 8},
		{Row{Kernel: "amd64-5.10", Append: "lsm=lockdown,yama,bpf"}, lsm.EBPF, 2, 8},
	} {
		t.Run(bootName(tt.host)+", "+string(tt.loader), func(t *testing.T) {
			t.Parallel()
			timeout := bootTimeout + time.Duration(tt.row)*3*time.Second
			row, atOnce := tt.row, tt.atOnce
			out := bootFor(t, tt.host, job.Job{Runs: []job.Run{{
				Argv:    []string{"soak", "--row", strconv.Itoa(row), "--at-once", strconv.Itoa(atOnce), "--loader", string(tt.loader)},
				Timeout: timeout,
			}}}, timeout)
			result := out.Report.Results[0]
			var s job.Soak
			if err := json.Unmarshal([]byte(result.Stdout), &s); err != nil || result.ExitCode != 0 {
				t.Fatalf("exit code %d, %s, %v\n%s%s", result.ExitCode, result.Error, err, result.Stdout, result.Stderr)
			}
			if s.Reasons[lsm.Enforced] != row+atOnce {
				t.Errorf("verdicts %v, want %d of %s", s.Reasons, row+atOnce, lsm.Enforced)
			}
			for name, f := range map[string]job.Figures{"in a row": s.AfterRow, "at once": s.AfterAtOnce} {
				if f.Memlock != s.Before.Memlock {
					t.Errorf("RLIMIT_MEMLOCK is %d after checks %s, before %d", f.Memlock, name, s.Before.Memlock)
				}
				if f.Descriptors > s.Before.Descriptors || f.Goroutines > s.Before.Goroutines {
					t.Errorf("after checks %s: %+v, before %+v", name, f, s.Before)
				}
			}
			// Noise of the runtime is tens of kilobytes, whatever the number of
			// checks; a leak of one check's 30 kB of objects would show.
			if grown := s.AfterRow.HeapKB - s.Before.HeapKB; grown > 500 {
				t.Errorf("the heap grew by %d kB", grown)
			}
			if len(result.Leftovers) > 0 {
				t.Errorf("left on the host: %v", result.Leftovers)
			}
			t.Logf("%d in a row and %d at once in %v of the guest's time: before %+v, after the row %+v, after those at once %+v",
				row, atOnce, result.Elapsed, s.Before, s.AfterRow, s.AfterAtOnce)
		})
	}
}
