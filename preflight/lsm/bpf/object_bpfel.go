//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64

package bpf

import _ "embed" // for the object

// Object is the compiled file_open.bpf.c for little-endian machines.
//
//go:embed file_open_bpfel.o
var Object []byte
