// Command soak runs many checks in one process, one after the other and at
// once, and tells what grew.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

func main() {
	row := flag.Int("row", 1000, "checks one after the other")
	atOnce := flag.Int("at-once", 64, "checks at once")
	loader := flag.String("loader", "", "loader")
	flag.Parse()

	s := job.Soak{Reasons: map[preflight.Reason]int{}}
	var mu sync.Mutex
	one := func() {
		c := lsm.New(lsm.WithLoader(lsm.Loader(*loader)))
		got := c.Run(context.Background())
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Wait(ctx); err != nil {
			got.Reason = "StillAttached"
		}
		mu.Lock()
		defer mu.Unlock()
		s.Reasons[got.Reason]++
	}

	memlock := figures().Memlock
	for range min(10, *row) { // caches of the loaders and the runtime
		one()
	}
	clear(s.Reasons)
	s.Before = figures()
	s.Before.Memlock = memlock
	for range *row {
		one()
	}
	s.AfterRow = figures()
	var wg sync.WaitGroup
	for range *atOnce {
		wg.Go(one)
	}
	wg.Wait()
	s.AfterAtOnce = figures()
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
}

func figures() job.Figures {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd")
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb := 0
	if fields := strings.Fields(rest); len(fields) > 0 {
		kb, _ = strconv.Atoi(fields[0])
	}
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
	return job.Figures{
		Descriptors: len(fds), Goroutines: runtime.NumGoroutine(), HeapKB: int(m.HeapAlloc / 1024), ResidentKB: kb,
		Memlock: limit.Cur,
	}
}
