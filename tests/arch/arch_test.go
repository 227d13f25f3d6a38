package arch

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const module = "redis-failover"

func TestModule(t *testing.T) {
	found, err := check("../..", module)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// testdata/bad is a small module in which the lines that break a rule say so.
func TestRulesBite(t *testing.T) {
	const root = "testdata/bad"
	found, err := check(root, module)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	broken := map[string]bool{}
	for _, v := range found {
		got = append(got, fmt.Sprintf("%s:%d: %s", v.file, v.line, v.what))
		broken[v.why] = true
	}
	want := wanted(t, root)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("not found: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("found without need: %s", line)
		}
	}
	for why, free := range reasons() {
		if !broken[why] && !free {
			t.Errorf("nothing in %s breaks the rule %q", root, why)
		}
	}
}

// wanted reads the comments of the form // want "what" below root.
func wanted(t *testing.T, root string) []string {
	t.Helper()
	comment := regexp.MustCompile(`// want "(.+)"`)
	var lines []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		scanner := bufio.NewScanner(file)
		for number := 1; scanner.Scan(); number++ {
			if match := comment.FindStringSubmatch(scanner.Text()); match != nil {
				lines = append(lines, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(below), number, match[1]))
			}
		}
		return scanner.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// reasons lists the reasons of all rules; true are those of rules that forbid
// nothing.
func reasons() map[string]bool {
	all := map[string]bool{whyGoroutine: false, whyInit: false, whyState: false, whyPlace: false, whyHome: false}
	for _, e := range graph {
		all[e.why] = within("tests/procs", []string{e.from})
	}
	for _, l := range libraries {
		all[l.why] = false
	}
	for _, b := range slices.Concat(imports, calls) {
		all[b.why] = false
	}
	return all
}
