package preflight

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestDocumentedCodeIsCompiled holds the Go of the pages against programs that
// the tests build: every line of a page is a line of one of them, in order.
func TestDocumentedCodeIsCompiled(t *testing.T) {
	var sources []string
	for _, file := range []string{"../integration/embed/main.go", "../integration/hostagent/main.go", "../integration/hostagent/agent.go", "lsm/example_test.go"} {
		sources = append(sources, read(t, file))
	}
	for _, page := range []string{"../README.md", "../docs/embedding.md"} {
		blocks := goBlock.FindAllStringSubmatch(read(t, page), -1)
		if len(blocks) == 0 {
			t.Errorf("%s: no Go in it", page)
		}
		for _, block := range blocks {
			if !compiled(block[1], sources) {
				t.Errorf("%s: not in any compiled program:\n%s", page, block[1])
			}
		}
	}
}

func compiled(block string, sources []string) bool {
	for _, source := range sources {
		lines := strings.Split(source, "\n")
		at := 0
		missing := false
		for want := range strings.Lines(block) {
			want = strings.TrimSpace(want)
			if want == "" || want == "// ..." {
				continue
			}
			for at < len(lines) && strings.TrimSpace(lines[at]) != want {
				at++
			}
			if at == len(lines) {
				missing = true
				break
			}
			at++
		}
		if !missing {
			return true
		}
	}
	return false
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
