package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/agent-preflight/agent-preflight/preflight"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// reports are made-up results of each status, with what can be in them.
var reports = map[string]preflight.Report{
	"pass": {
		Schema: preflight.Schema, Version: "v1.2.3", Status: preflight.Pass,
		Host: preflight.Host{Kernel: "6.12.107+deb13-cloud-amd64", Arch: "x86_64", Distribution: "Debian GNU/Linux 13 (trixie)"},
		Checks: []preflight.Result{{
			Name: "lsm", Status: preflight.Pass, Reason: "Enforced", Stage: "enforce", Loader: "libbpf",
			Summary: "it works", Facts: []preflight.Fact{}, Remedy: preflight.Remedy{Commands: []string{}},
			Doc: preflight.Reason("Enforced").Doc(), ElapsedMS: 31.4,
		}},
	},
	"fail": {
		Schema: preflight.Schema, Version: "v1.2.3", Status: preflight.Fail,
		Host: preflight.Host{Kernel: "5.10.0-32-cloud-amd64", Arch: "x86_64"},
		Checks: []preflight.Result{{
			Name: "lsm", Status: preflight.Fail, Reason: "NotActive", Stage: "fire", Loader: "ebpf",
			Summary: "it never fires",
			Facts: []preflight.Fact{
				{Name: "lsm.active", Value: "lockdown,capability,yama", Source: "/sys/kernel/security/lsm"},
				{Name: "cmdline.lsm", Source: "/proc/cmdline", Error: "not set"},
			},
			Remedy: preflight.Remedy{Summary: "Add bpf.", Commands: []string{"sudo update-grub", "sudo reboot"}},
			Features: []preflight.FeatureResult{{
				Feature: "lsm/file_open", Status: preflight.Fail, Reason: "NotActive", Summary: "it never fires",
				Remedy: preflight.Remedy{Commands: []string{}},
			}},
			Doc: preflight.Reason("NotActive").Doc(), ElapsedMS: 27.125,
		}},
	},
	"unknown": {
		Schema: preflight.Schema, Version: "v1.2.3", Status: preflight.Unknown,
		Host: preflight.Host{Kernel: "6.18.0", Arch: "aarch64"},
		Checks: []preflight.Result{{
			Name: "lsm", Status: preflight.Unknown, Reason: "DeniedByPolicy", Stage: "load", Errno: "EPERM", Loader: "libbpf",
			Summary: "it may not",
			Facts:   []preflight.Fact{{Name: "loader.log", Value: "one\ntwo", Source: "libbpf"}},
			Remedy:  preflight.Remedy{Summary: "Ask.", Commands: []string{}},
			Doc:     preflight.Reason("DeniedByPolicy").Doc(), ElapsedMS: 3,
		}},
	},
}

func TestRender(t *testing.T) {
	for name, report := range reports {
		for _, format := range []string{"text", "json"} {
			var b bytes.Buffer
			if err := render(&b, report, options{output: format}); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+format, b.Bytes())
		}
		golden(t, name+".terminal", text(report, style{fancy: true}))
		var b bytes.Buffer
		if err := render(&b, report, options{output: "json", quiet: true}); err != nil || b.Len() > 0 {
			t.Errorf("%s, quiet: %q, %v", name, b.String(), err)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant (-update rewrites it)\n%s", name, got, want)
	}
}

func TestStyleForFile(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if styleFor(null).fancy || styleFor(&bytes.Buffer{}).fancy {
		t.Error("colours although it is no terminal")
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string // is part of the line
	}{
		{"--no-such-flag", "no-such-flag"},
		{"-o xml", `"xml"`},
		{"--output=", `""`},
		{"--timeout -1s", "-1s"},
		{"--timeout 0", "0s"},
		{"--timeout soon", "soon"},
		{"--loader foo", `"foo"`},
		{"-o", "-o"},
		{"lsm", `"lsm"`},
		{"hooks --no-such-flag", "no-such-flag"},
		{"hooks -o xml", `"xml"`},
		{"hooks extra", `"extra"`},
		{"hooks --loader ebpf", "loader"},
		{"policies", "no file"},
		{"policies /no/such/file.yaml", "/no/such/file.yaml"},
		{"policies -o xml a.yaml", `"xml"`},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(tt.args), &stdout, &stderr)
		line := stderr.String()
		if code != exitError || stdout.Len() > 0 || strings.Count(line, "\n") != 1 || !strings.Contains(line, tt.want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", tt.args, code, stdout.String(), line)
		}
	}
}

func TestInformation(t *testing.T) {
	for args, want := range map[string]string{
		"--help":    "Exit codes",
		"-h":        "--loader",
		"--version": "agent-preflight ",
		"--list":    "lsm\n",
	} {
		var stdout, stderr bytes.Buffer
		code := run([]string{args}, &stdout, &stderr)
		if code != exitPass || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}

// TestRunHere runs the command on this machine, whatever it allows.
func TestRunHere(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run([]string{"-o", "json"}, &stdout, &stderr)
	var report preflight.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	if code != exitCode(report.Status) {
		t.Errorf("exit code %d with status %v", code, report.Status)
	}
	if report.Checks[0].Reason == preflight.Internal {
		t.Errorf("%s", stdout.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr %q", stderr.String())
	}
}

func TestTimeout(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run([]string{"--timeout", "1us", "-o", "json"}, &stdout, &stderr)
	if code != exitError || !strings.Contains(stdout.String(), `"TimedOut"`) {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteError(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(nil, brokenPipe{}, &stderr); code != exitError || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}
