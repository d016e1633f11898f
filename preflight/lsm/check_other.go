//go:build !linux

package lsm

import (
	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// loader has no methods to call here.
type loader interface{}

var loaders []namedLoader

// examineHost has nothing to examine: BPF LSM is a feature of Linux.
func (c *Check) examineHost(func(Stage)) (result preflight.Result, detach func()) {
	c.logger.Debug("not Linux", zap.String("reason", string(Unsupported)))
	result = newResult(nil, Outcome{})
	d := because(Unsupported)
	result.Reason, result.Summary, result.Doc = d.Reason, d.Summary, d.Reason.Doc()
	result.Remedy.Summary = reasonInfo(Unsupported).Remedy
	result.Features = answer(c.features, result, nil)
	return result, func() {}
}
