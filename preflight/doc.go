// Package preflight is a registry of start-up checks for eBPF agents.
//
// A [Check] puts one question to the running host and answers it with a
// [Result]: [Pass] where the thing was seen to work, [Fail] where it was seen
// not to, [Unknown] where neither could be found out. A [Registry] runs its
// checks, each within a deadline, and gathers the results into a [Report],
// which is plain data: its JSON form is the struct.
//
// The package itself touches nothing but /etc/os-release and uname(2); it uses
// neither cgo nor BPF. The check that it was made for is in the package lsm
// below it:
//
//	registry, err := preflight.NewRegistry(lsm.New())
//	if err != nil {
//		return err
//	}
//	report := registry.Run(ctx)
//
// An agent must treat Unknown as it treats Fail: a policy that may not be
// enforced is not enforced.
package preflight
