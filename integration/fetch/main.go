// Command fetch gets Debian packages for the Makefile, signatures verified:
//
//	fetch source PACKAGE VERSION SUITE       prints the directory of the source files
//	fetch unpack DIR ARCH SUITE PACKAGE...   unpacks binary packages below DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/debian"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 4 && args[0] == "source":
		archive, err := debian.Open(ctx, "amd64", args[3])
		if err != nil {
			return err
		}
		dir, err := archive.FetchSource(ctx, args[1], args[2])
		fmt.Println(dir)
		return err
	case len(args) > 4 && args[0] == "unpack":
		archive, err := debian.Open(ctx, args[2], args[3])
		if err != nil {
			return err
		}
		for _, pkg := range args[4:] {
			deb, err := archive.Fetch(ctx, pkg)
			if err != nil {
				return err
			}
			if err := debian.Unpack(ctx, deb, args[1]); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("usage: fetch source PACKAGE VERSION SUITE | fetch unpack DIR ARCH SUITE PACKAGE [PACKAGE]")
}
