package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FileName is the file in a data directory that holds the master key where the
// operator names no other.
const FileName = "master.key"

// maxFile bounds a file with a master key in octets: one line.
const maxFile = 1024

// Source says where the master key is: in one of the three places, the file of
// the operator, the credential of the service manager, the data directory.
type Source struct {
	File       string // the file that the operator names; "" for none
	Credential string // name of the credential; "" for none
	Folder     string // where the service manager puts credentials: $CREDENTIALS_DIRECTORY
	Dir        string // data directory, used when neither is named; it is made with mode 0700
}

// Path returns the file that the key is in, and whether that is the one in the
// data directory.
func (s Source) Path() (path string, own bool, err error) {
	switch {
	case s.File != "" && s.Credential != "":
		return "", false, errors.New("a master key file and a credential are both named")
	case s.File != "":
		return s.File, false, nil
	case s.Credential == "":
		return filepath.Join(s.Dir, FileName), true, nil
	case s.Folder == "":
		return "", false, errors.New("the service manager has given no credentials (CREDENTIALS_DIRECTORY is not set)")
	case s.Credential != filepath.Base(s.Credential):
		return "", false, fmt.Errorf("%q is no name of a credential", s.Credential)
	}
	return filepath.Join(s.Folder, s.Credential), false, nil
}

// Open reads the master key. That of the data directory is made when it is not
// there; one that the operator names has to exist. A file that others than its
// owner may read is refused. Errors repeat nothing of a key.
func Open(s Source) (*Box, error) {
	path, own, err := s.Path()
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	key, err := read(path, s.Credential != "")
	made := false
	if errors.Is(err, fs.ErrNotExist) && own {
		if err := makeFile(s.Dir, path); err != nil {
			return nil, fmt.Errorf("master key: %w", err)
		}
		made = true
		key, err = read(path, false) // that of whoever was first
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	b, err := New(key)
	if err != nil {
		return nil, fmt.Errorf("master key: %s: %w", path, err)
	}
	b.made = made
	return b, nil
}

// read returns the key in a file: base64url in one line. The service manager
// guards the folder of its credentials itself.
func read(path string, managed bool) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !managed && mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %#o); chmod 600 it", path, mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
	if len(text) > maxFile || err != nil || len(key) != KeyLength {
		return nil, fmt.Errorf("%s is no master key: %d octets in base64url, such as bulwark makes", path, KeyLength)
	}
	return key, nil
}

// makeFile writes a new key. It is linked into its place whole and only when
// there is none, so that two processes that start at once share one and a kill
// leaves none or all of it.
func makeFile(dir, path string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key := make([]byte, KeyLength)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".master-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the new name outlive a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
