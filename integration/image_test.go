//go:build vm

package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// packers are the compressions of an x86 image, by magic number.
var packers = []struct {
	magic   []byte
	command []string
}{
	{[]byte("\xfd7zXZ\x00"), []string{"xz", "-dc"}},
	{[]byte("\x28\xb5\x2f\xfd"), []string{"zstd", "-dcq"}},
	{[]byte("\x1f\x8b\x08"), []string{"gzip", "-dc"}},
	{[]byte("\x02\x21\x4c\x18"), []string{"lz4", "-dcq"}},
}

// unpackImage writes the ELF file inside a compressed x86 image. What follows
// the compressed data makes the unpacker complain after it has done its work.
func unpackImage(ctx context.Context, image, to string) error {
	raw, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	for _, p := range packers {
		for at := bytes.Index(raw, p.magic); at >= 0; {
			cmd := exec.CommandContext(ctx, p.command[0], p.command[1:]...)
			cmd.Stdin = bytes.NewReader(raw[at:])
			out, _ := cmd.Output()
			if bytes.HasPrefix(out, []byte("\x7fELF")) {
				return os.WriteFile(to, out, 0o644)
			}
			next := bytes.Index(raw[at+1:], p.magic)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return fmt.Errorf("%s: no compressed kernel in it", image)
}
