package lsm

import (
	"os"
	"runtime"

	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
)

func (c *Check) examineHost(enter func(Stage)) (result preflight.Result, detach func()) {
	named, ok := findLoader(c.loader)
	if !ok {
		result = newResult(nil, Outcome{
			Loader: c.loader,
			Stage:  StageOpen,
			Err:    "this binary is built without the loader " + string(c.loader),
		})
		result.Features = answer(c.features, result, nil)
		return result, func() {}
	}

	// What libbpf logs is told apart by thread.
	runtime.LockOSThread()
	l := named.make(c.logger)
	detach = func() {
		l.close()
		c.logger.Debug("detached")
		runtime.UnlockOSThread()
	}
	defer func() {
		if p := recover(); p != nil {
			detach() // nobody else would
			panic(p)
		}
	}()
	outcome := probe(l, func(s Stage) {
		enter(s)
		c.logger.Debug("stage", zap.String("stage", string(s)), zap.String("loader", string(named.name)))
	})
	outcome.Loader = named.name

	var facts Facts
	if Diagnose(nil, outcome).Status != preflight.Pass {
		facts = thisHost().gather(outcome)
	}
	result = newResult(facts, outcome)
	defer liftMemlock()()
	result.Features = answer(c.features, result, func() *hookTable { return newHookTable(thisSurface{os.DirFS("/")}) })
	return result, detach
}
