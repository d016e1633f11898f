//go:build !linux

package preflight

import "runtime"

func uname() (release, machine string) { return runtime.GOOS, runtime.GOARCH }
