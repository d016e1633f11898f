package lsm

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// host is where facts come from: a tree of files and a few system calls. It is
// this machine, or a made-up one in tests.
type host struct {
	root fs.FS // of the whole file system

	release func() (release, machine string) // uname(2)
	modules func() ([]uint64, error)         // lsm_list_modules(2), LSM_ID_* numbers
	memlock func() (uint64, error)           // RLIMIT_MEMLOCK, soft, bytes; all ones is unlimited
	gate    func() string                    // errno of bpf(2) with a command that no kernel knows
	control func(programType uint32) string  // loads a two-instruction program: "loads" or an errno
}

// Limits on what is read: files of /proc and /sys are small, a kernel's BTF is
// some megabytes, and nobody shall make an agent swallow more.
const (
	maxText = 1 << 20
	maxBTF  = 64 << 20
)

// btfPath is the kernel's BTF, relative to the root.
const btfPath = "sys/kernel/btf/vmlinux"

// gather collects the facts that bear on an outcome. Nothing that it reads
// needs privilege beyond the file's own mode, and it writes nothing.
func (h host) gather(o Outcome) Facts {
	g := gatherer{host: h}
	g.kernel()
	g.lsms()
	g.config()
	g.settings()
	g.process()
	if o.Stage.before(StageFire) {
		g.btf() // megabytes: only where the hook itself is in question
	}
	if o.Stage.before(StageAttach) {
		g.controls() // only where loading failed
	}
	g.loader(o)
	return g.facts
}

type gatherer struct {
	host
	facts Facts
}

// add records a fact or the error that kept it from being established.
func (g *gatherer) add(name, value, source string, err error) {
	fact := preflight.Fact{Name: name, Source: source}
	if err != nil {
		fact.Error = preflight.Printable(reasonOf(err))
	} else {
		fact.Value = preflight.Printable(value)
	}
	g.facts = append(g.facts, fact)
}

// notExist is the Error of a fact whose file is not there.
const notExist = "no such file or directory"

// reasonOf shortens an error to what is wrong: the source stands beside it.
func reasonOf(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return notExist
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// read returns the text of a small file. name is relative to the root.
func (g *gatherer) read(name string) (string, error) {
	raw, err := readAll(g.root, name, maxText)
	return string(raw), err
}

func readAll(root fs.FS, name string, most int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, fmt.Errorf("larger than %d bytes", most)
	}
	return raw, nil
}

// line adds a fact that is the first line of a file.
func (g *gatherer) line(name, path string) {
	text, err := g.read(path)
	g.add(name, firstLine(text), "/"+path, err)
}

func (g *gatherer) kernel() {
	release, machine := g.release()
	g.add(factRelease, release, "uname(2)", nil)
	g.add(factArch, machine, "uname(2)", nil)

	const path = "etc/os-release"
	text, err := g.read(path)
	var ids []string
	for _, field := range []string{"ID", "VARIANT_ID", "ID_LIKE"} {
		ids = append(ids, strings.Fields(osReleaseField(text, field))...)
	}
	g.add(factOSID, strings.Join(ids, " "), "/"+path, err)

	for _, mark := range []string{".dockerenv", "run/.containerenv"} { // Docker's, Podman's
		if _, err := fs.Stat(g.root, mark); err == nil {
			g.add(factContainer, "/"+mark, "/"+mark, nil)
			break
		}
	}
}

func (g *gatherer) lsms() {
	const path = "sys/kernel/security/lsm"
	text, err := g.read(path)
	if err == nil {
		g.add(factActive, firstLine(text), "/"+path, nil)
	} else {
		ids, syscallErr := g.modules()
		if syscallErr == nil {
			g.add(factActive, strings.Join(lsmNames(ids), ","), "lsm_list_modules(2)", nil)
		} else {
			g.add(factActive, "", "/"+path, fmt.Errorf("%s; lsm_list_modules(2): %w", reasonOf(err), syscallErr))
		}
	}

	cmdline, err := g.read("proc/cmdline")
	value, ok := cmdlineValue(cmdline, "lsm")
	if err == nil && !ok {
		err = errors.New("not set")
	}
	g.add(factCmdline, value, "/proc/cmdline", err)
}

// lsmIDs are the LSM_ID_ numbers of include/uapi/linux/lsm.h.
var lsmIDs = map[uint64]string{
	100: "capability", 101: "selinux", 102: "smack", 103: "tomoyo", 104: "apparmor",
	105: "yama", 106: "loadpin", 107: "safesetid", 108: "lockdown", 109: "bpf",
	110: "landlock", 111: "ima", 112: "evm", 113: "ipe",
}

func lsmNames(ids []uint64) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		name, ok := lsmIDs[id]
		if !ok {
			name = "id" + strconv.FormatUint(id, 10)
		}
		names[i] = name
	}
	return names
}

// config reads the configuration of the running kernel: /proc/config.gz is
// surely its own; of the others only those named after its release are looked at.
func (g *gatherer) config() {
	release, _ := g.release()
	paths := []string{"proc/config.gz"}
	if release != "" && fs.ValidPath(release) && !strings.Contains(release, "/") {
		paths = append(paths,
			"boot/config-"+release,
			"lib/modules/"+release+"/config",
			"usr/lib/modules/"+release+"/config",
			"usr/lib/ostree-boot/config-"+release,
		)
	}
	var (
		values map[string]string
		source string
		err    error
	)
	for _, path := range paths {
		source = "/" + path
		if values, err = g.readConfig(path); err == nil {
			break
		}
	}
	if err != nil {
		g.add(factConfig, "", "/"+strings.Join(paths, ", /"), err)
		return
	}
	g.add(factConfig, "readable", source, nil)
	for _, option := range configOptions {
		g.add(configPrefix+option, values[option], source, nil)
	}
}

func (g *gatherer) readConfig(path string) (map[string]string, error) {
	raw, err := readAll(g.root, path, maxText)
	if err != nil {
		return nil, err
	}
	var text io.Reader = bytes.NewReader(raw)
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(text)
		if err != nil {
			return nil, err
		}
		text = io.LimitReader(unzipped, maxText)
	}
	return parseConfig(text, configOptions)
}

func (g *gatherer) settings() {
	g.line(factFtrace, "proc/sys/kernel/ftrace_enabled")
	g.line(factUnprivileged, "proc/sys/kernel/unprivileged_bpf_disabled")

	const path = "sys/kernel/security/lockdown"
	text, err := g.read(path)
	mode := ""
	if err == nil {
		mode, err = lockdownMode(text)
	}
	g.add(factLockdown, mode, "/"+path, err)
}

func (g *gatherer) process() {
	const status = "proc/self/status"
	text, err := g.read(status)
	field := func(name string) (string, error) {
		if err != nil {
			return "", err
		}
		return statusField(text, name)
	}
	mask, capErr := field("CapEff")
	caps := ""
	if capErr == nil {
		caps, capErr = parseCapabilities(mask)
	}
	g.add(factCaps, caps, "/"+status+" CapEff", capErr)
	seccomp, seccompErr := field("Seccomp")
	g.add(factSeccomp, seccomp, "/"+status+" Seccomp", seccompErr)

	const uidMap = "proc/self/uid_map"
	text, mapErr := g.read(uidMap)
	ns := userNSOther
	if initialUIDMap(text) {
		ns = userNSInitial
	}
	g.add(factUserNS, ns, "/"+uidMap, mapErr)

	g.line(factContext, "proc/self/attr/current")

	limit, err := g.memlock()
	value := strconv.FormatUint(limit, 10)
	if limit == ^uint64(0) {
		value = unlimited
	}
	g.add(factMemlock, value, "getrlimit(2)", err)
}

func (g *gatherer) btf() {
	sysfs := "y"
	if _, err := fs.Stat(g.root, "sys/kernel"); err != nil {
		sysfs = "n"
	}
	g.add(factSysfs, sysfs, "/sys/kernel", nil)

	const path = btfPath
	raw, err := readAll(g.root, path, maxBTF)
	g.add(factBTF, strconv.Itoa(len(raw)), "/"+path, err)
	if err != nil {
		return
	}
	blob, err := parseBTF(raw)
	for _, fact := range []struct{ name, function string }{
		{factBTFHook, hookPrefix + "file_open"},
		{factBTFDirect, "register_ftrace_direct"},
	} {
		value := "n"
		if err == nil && blob.hasName(fact.function) {
			value = "y"
		}
		g.add(fact.name, value, "/"+path, err)
	}
}

// Program types of include/uapi/linux/bpf.h. The first needs CAP_BPF at most;
// the second CAP_PERFMON besides, as LSM programs do (kernel/bpf/syscall.c,
// is_perfmon_prog_type).
const (
	programSocketFilter = 1
	programTracepoint   = 5
)

// controls asks bpf(2) for things that have nothing to do with LSM.
func (g *gatherer) controls() {
	g.add(factGate, g.gate(), "bpf(2)", nil)
	g.add(factSocketFilter, g.control(programSocketFilter), "bpf(2)", nil)
	g.add(factTracepoint, g.control(programTracepoint), "bpf(2)", nil)
}

func (g *gatherer) loader(o Outcome) {
	if o.Err != "" {
		g.add(factError, o.Err, string(o.Loader), nil)
	}
	if len(o.Log) > 0 {
		lines := make([]string, len(o.Log))
		for i, line := range o.Log {
			lines[i] = preflight.Printable(line)
		}
		g.facts = append(g.facts, preflight.Fact{
			Name: factLog, Value: strings.Join(lines, "\n"), Source: string(o.Loader),
		})
	}
}
