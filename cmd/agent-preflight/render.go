package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/agent-preflight/agent-preflight/preflight"
)

func render(w io.Writer, report preflight.Report, o options) error {
	if o.quiet {
		return nil
	}
	if o.output == "json" {
		return renderJSON(w, report)
	}
	_, err := w.Write(text(report, styleFor(w)))
	return err
}

func renderJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// style is how a status looks: with symbols and colours on a terminal.
type style struct{ fancy bool }

// styleFor is plain unless w is a terminal and NO_COLOR is unset or empty
// (https://no-color.org).
func styleFor(w io.Writer) style {
	f, ok := w.(*os.File)
	return style{fancy: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""}
}

func (s style) status(status preflight.Status) string {
	if !s.fancy {
		return status.String()
	}
	marks := map[preflight.Status]string{
		preflight.Pass:    "\x1b[32m√ pass\x1b[0m",
		preflight.Fail:    "\x1b[31m× fail\x1b[0m",
		preflight.Unknown: "\x1b[33m‼ unknown\x1b[0m",
	}
	return marks[status]
}

// text is the report for people.
func text(report preflight.Report, s style) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "host: %s, kernel %s, %s\n", orUnknown(report.Host.Distribution), report.Host.Kernel, report.Host.Arch)
	for _, c := range report.Checks {
		textCheck(&b, c, s)
	}
	return b.Bytes()
}

func textCheck(b *bytes.Buffer, c preflight.Result, s style) {
	fmt.Fprintf(b, "%s: %s\n", c.Name, s.status(c.Status))
	fmt.Fprintf(b, "  %s\n", c.Summary)

	fmt.Fprintf(b, "\nWhy: %s", c.Reason)
	if c.Stage != "" {
		fmt.Fprintf(b, " in the stage %s", c.Stage)
	}
	if c.Errno != "" {
		fmt.Fprintf(b, ", errno %s", c.Errno)
	}
	if c.Loader != "" {
		fmt.Fprintf(b, ", loader %s", c.Loader)
	}
	fmt.Fprintf(b, ", %.1f ms\n", c.ElapsedMS)

	if len(c.Facts) > 0 {
		fmt.Fprintln(b, "\nFacts:")
		width := 0
		for _, f := range c.Facts {
			width = max(width, len(f.Name))
		}
		for _, f := range c.Facts {
			textFact(b, f, width)
		}
	}

	if c.Remedy.Summary != "" {
		fmt.Fprintf(b, "\nWhat to do:\n  %s\n", c.Remedy.Summary)
		for _, command := range c.Remedy.Commands {
			fmt.Fprintf(b, "    %s\n", command)
		}
	}
	if c.Status != preflight.Pass {
		fmt.Fprintf(b, "\nMore: %s\n", c.Doc)
	}
}

func textFact(b *bytes.Buffer, f preflight.Fact, width int) {
	value := f.Value
	if f.Error != "" {
		value = "? " + f.Error
	}
	lines := strings.Split(value, "\n")
	fmt.Fprintf(b, "  %-*s  %s  (%s)\n", width, f.Name, lines[0], f.Source)
	for _, line := range lines[1:] {
		fmt.Fprintf(b, "  %-*s  %s\n", width, "", line)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown distribution"
	}
	return s
}
