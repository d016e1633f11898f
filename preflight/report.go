package preflight

import "runtime/debug"

// Schema is the version of the JSON form of Report. It changes only when a
// field changes its meaning or goes away.
const Schema = 1

// Report is the outcome of all checks of a registry on one host.
type Report struct {
	Schema  int      `json:"schema"`  // always Schema
	Version string   `json:"version"` // of this module
	Host    Host     `json:"host"`    //
	Status  Status   `json:"status"`  // Fail if any check failed, else Unknown if any is, else Pass
	Checks  []Result `json:"checks"`  // in order of registration
}

func newReport(host Host, results []Result) Report {
	statuses := make([]Status, len(results))
	for i, r := range results {
		statuses[i] = r.Status
	}
	return Report{
		Schema:  Schema,
		Version: Version(),
		Host:    host,
		Status:  worst(statuses...),
		Checks:  results,
	}
}

const modulePath = "github.com/agent-preflight/agent-preflight"

// buildVersion is set by the linker in the project's own binaries.
var buildVersion string

// Version returns the version of this module as the Go toolchain recorded it
// in the running binary, or "(devel)".
func Version() string {
	if buildVersion != "" {
		return buildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	if info.Main.Path == modulePath && info.Main.Version != "" {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			return dep.Version
		}
	}
	return "(devel)"
}
