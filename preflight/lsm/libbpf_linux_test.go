//go:build cgo && !nolibbpf

package lsm

import (
	"strings"
	"sync"
	"testing"

	"github.com/aquasecurity/libbpfgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// TestLibbpfLogIsShared proves that the callback that a program has given to
// libbpf sees all lines about the program's own objects, also while a check
// runs, and none about the check's.
func TestLibbpfLogIsShared(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	libbpfgo.SetLoggerCbs(libbpfgo.Callbacks{Log: func(_ int, line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}})
	t.Cleanup(func() { libbpfgo.SetLoggerCbs(libbpfgo.Callbacks{}) })
	count := func(name string) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, line := range lines {
			if strings.Contains(line, "'"+name+"'") {
				n++
			}
		}
		return n
	}
	openAs := func(name string) {
		m, err := libbpfgo.NewModuleFromBufferArgs(libbpfgo.NewModuleArgs{
			BPFObjBuff: bpf.Object, BPFObjName: name, SkipMemlockBump: true,
		})
		if err != nil {
			t.Error(err)
			return
		}
		m.Close()
	}

	openAs("before")
	stop := make(chan struct{})
	var others sync.WaitGroup
	opened := 0
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				openAs("during")
				opened++
			}
		}
	})
	core, kept := observer.New(zap.DebugLevel)
	for range 3 {
		c := New(WithLoader(Libbpf), WithLogger(zap.New(core)))
		c.Run(t.Context())
		if err := c.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	others.Wait()
	openAs("after")

	if each := count("before"); each == 0 || count("after") != each || count("during") != each*opened {
		t.Errorf("lines of the program's own: %d before, %d after, %d during %d openings", count("before"), count("after"), count("during"), opened)
	}
	if n := count("preflight"); n != 0 {
		t.Errorf("%d lines of the check went to the program's callback", n)
	}
	if kept.FilterMessageSnippet("'preflight'").Len() == 0 {
		t.Error("the check kept no line of its own")
	}
}
