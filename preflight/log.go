package preflight

import "go.uber.org/zap"

// Log writes one line a check: INFO where it passed, else WARN, with reason,
// summary and remedy as fields.
func (r Report) Log(logger *zap.Logger) {
	for _, c := range r.Checks {
		fields := []zap.Field{
			zap.String("check", c.Name),
			zap.Stringer("status", c.Status),
			zap.String("reason", string(c.Reason)),
			zap.String("stage", c.Stage),
			zap.String("summary", c.Summary),
			zap.Float64("elapsed_ms", c.ElapsedMS),
		}
		if c.Status == Pass {
			logger.Info("preflight check passed", fields...)
			continue
		}
		logger.Warn("preflight check did not pass", append(fields, remedyFields(c.Remedy, c.Doc)...)...)
	}
}

// Log writes one WARN for each policy that is not enabled and one INFO that
// sums up, so that an agent is never silent about what it does not enforce.
func (p Plan) Log(logger *zap.Logger) {
	counts := map[State]int{}
	for _, d := range p.Decisions {
		counts[d.State]++
		if d.State == Enabled {
			continue
		}
		fields := []zap.Field{
			zap.String("policy", d.Policy),
			zap.String("state", string(d.State)),
			zap.Strings("features", missingNames(d.Missing)),
			zap.Stringer("status", d.Status),
			zap.String("reason", string(d.Reason)),
			zap.String("summary", d.Summary),
		}
		if d.Fallback != "" {
			fields = append(fields, zap.String("fallback", d.Fallback))
		}
		logger.Warn("policy is not enforced", append(fields, remedyFields(d.Remedy, d.Reason.Doc())...)...)
	}
	logger.Info("policies planned",
		zap.Int("enabled", counts[Enabled]), zap.Int("fallback", counts[OnFallback]), zap.Int("disabled", counts[Disabled]))
}

func remedyFields(r Remedy, doc string) []zap.Field {
	return []zap.Field{zap.String("remedy", r.Summary), zap.Strings("commands", r.Commands), zap.String("doc", doc)}
}

func missingNames(missing []FeatureResult) []string {
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i] = string(m.Feature)
	}
	return names
}
