//go:build !linux

package lsm

import "errors"

// Hooks returns the table of hooks of the running kernel, which must be Linux.
func Hooks() ([]Hook, error) { return nil, errors.New("BPF LSM is a feature of Linux") }
