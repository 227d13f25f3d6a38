package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"redis-failover/commands/acl"
)

// Reload reads the file of users anew, as ACL LOAD does, and closes the sessions
// on h that lost something by it. Without such a file it does nothing. After an
// error, which says all that is wrong, nothing has changed.
func (u *Users) Reload(h Host) error {
	if u.file == "" {
		return nil
	}
	return u.reload(h, nil)
}

func (u *Users) reload(h Host, asking Session) error {
	if err := u.readAgain(); err != nil {
		return err
	}
	u.enforce(h, asking)
	return nil
}

func (u *Users) readAgain() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	users, err := u.read()
	if err == nil {
		u.replace(users)
	}
	return err
}

// read returns the users of the file.
func (u *Users) read() ([]*acl.User, error) {
	text, err := os.ReadFile(u.file)
	if err != nil {
		return nil, fmt.Errorf("Error loading ACLs, opening file '%s': %s", u.file, plainError(err))
	}
	return u.language.ReadFile(u.file, string(text))
}

// plainError is the system's own words, as C programs show them.
func plainError(err error) string {
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// save writes the file of users. Whoever reads it finds the old one or the new
// one, also after a crash.
func (u *Users) save() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return replaceFile(u.file, acl.FileText(u.all()))
}

// replaceFile writes a new file with the mode of the old one under another name,
// and gives it the name once it is on the disk.
func replaceFile(path, text string) (err error) {
	mode := fs.FileMode(0o600) // it holds hashes of passwords
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	// Behind a symbolic link the file itself is replaced, not the link.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name()) // the first error is what matters
		}
	}()
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a renaming last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
