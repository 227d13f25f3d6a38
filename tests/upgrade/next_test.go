package upgrade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"redis-failover/cluster/state"
)

// present is the schema of this build, later that of the next version.
const (
	present = state.SchemaVersion
	later   = present + 1
)

// nextVersion is what the pretended next version calls itself.
const nextVersion = "9.9-next"

// edits make the next version of files that are there; what is in testdata/next
// is added as it is. Each old text occurs once.
var edits = []struct{ file, old, new string }{
	{"cluster/state/schema.go", fmt.Sprintf("const SchemaVersion = %d\n", present), fmt.Sprintf("const SchemaVersion = %d\n", later)},
	{"cluster/state/state.go", "	// Journal holds the last events of this master,", "	Label string `json:\",omitzero\"`\n	// Journal holds the last events of this master,"},
	{"cluster/state/settings.go", "	Renames []Rename\n}", "	Renames []Rename\n	Tag string `json:\",omitzero\"`\n}"},
	{"commands/table.go", "		infoCommand(),\n", "		infoCommand(),\n		labelCommand(),\n"},
}

// places are the root of the module and a folder in it for what the tests build,
// which stays: the Go command leaves a program alone that is up to date.
var places = sync.OnceValues(func() (place struct{ root, bin string }, err error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return place, fmt.Errorf("go env GOMOD: %w", err)
	}
	place.root = filepath.Dir(strings.TrimSpace(string(out)))
	place.bin = filepath.Join(place.root, "bin", "test", "upgrade")
	return place, os.MkdirAll(place.bin, 0o755)
})

// overlay writes the next version's files and returns the list of them that the
// Go command takes.
var overlay = sync.OnceValues(func() (string, error) {
	place, err := places()
	if err != nil {
		return "", err
	}
	files := map[string]string{} // place in the module: file to read instead
	for _, e := range edits {
		text, err := os.ReadFile(filepath.Join(place.root, e.file))
		if err != nil {
			return "", err
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return "", fmt.Errorf("%s holds %q %d times, and the next version is made from the one place: adapt the edits of this test", e.file, e.old, n)
		}
		// Not "….go": it must not look like a package of the module.
		with := filepath.Join(place.bin, strings.ReplaceAll(e.file, "/", "_")+".next")
		if err := os.WriteFile(with, bytes.Replace(text, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return "", err
		}
		files[filepath.Join(place.root, e.file)] = with
	}
	added := filepath.Join(place.root, "tests", "upgrade", "testdata", "next")
	err = filepath.WalkDir(added, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[filepath.Join(place.root, strings.TrimPrefix(path, added))] = path
		}
		return err
	})
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return "", err
	}
	path := filepath.Join(place.bin, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
})

// build builds a package of this version, or of the next, and returns the
// program.
func build(t *testing.T, pkg string, next bool) string {
	t.Helper()
	place, err := places()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(place.bin, filepath.Base(filepath.Join(place.root, pkg)))
	args := []string{"build"}
	if next {
		list, err := overlay()
		if err != nil {
			t.Fatal(err)
		}
		program += "-next"
		args = append(args, "-overlay", list, "-ldflags", "-X main.version="+nextVersion)
	}
	cmd := exec.Command("go", append(args, "-o", program, pkg)...)
	cmd.Dir = place.root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return program
}
