//go:build mips || mips64 || ppc64 || s390x

package bpf

import _ "embed" // for the object

// Object is the compiled file_open.bpf.c for big-endian machines.
//
//go:embed file_open_bpfeb.o
var Object []byte
