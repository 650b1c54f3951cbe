package dasserver

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bulwark/internal/dynauth/das"
)

// policyFile is the policy in its file, read again when that or a file of keys
// that it names changes. While it cannot be read there is none.
type policyFile struct {
	name string
	self das.Identity
	now  func() time.Time

	mu     sync.Mutex // guards what follows
	policy *das.Policy
	err    error
	stamps map[string]stamp // of the files that were read
	next   time.Time        // before which no file is looked at
	turns  int              // how often it was read
}

// stamp tells one content of a file from another.
type stamp struct {
	size     int64
	modified time.Time
	missing  bool
}

// lookEvery is how long files are relied on without a look: an operator who
// takes something out of the policy does not wait.
const lookEvery = time.Second

// maxKeyFile bounds a file of keys in octets.
const maxKeyFile = 256 << 10

func newPolicyFile(name string, self das.Identity, now func() time.Time) *policyFile {
	return &policyFile{name: name, self: self, now: now}
}

// current returns the policy in force.
func (f *policyFile) current() (*das.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); !now.Before(f.next) || f.next.Sub(now) > lookEvery {
		f.next = now.Add(lookEvery)
		if f.stamps == nil || f.changed() {
			f.read()
		}
	}
	return f.policy, f.err
}

// turn returns how often the policy was read, to notice a change.
func (f *policyFile) turn() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.turns
}

// changed reports whether one of the files is another one now. The lock is held.
func (f *policyFile) changed() bool {
	for name, had := range f.stamps {
		if stampOf(name) != had {
			return true
		}
	}
	return false
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{missing: true}
	}
	return stamp{size: info.Size(), modified: info.ModTime()}
}

// read reads the policy. The lock is held.
func (f *policyFile) read() {
	f.stamps = map[string]stamp{}
	f.turns++
	f.policy, f.err = nil, nil
	data, err := f.file(f.name, das.MaxPolicy)
	if err == nil {
		f.policy, err = das.Parse(data, f.self, func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(f.name), name)
			}
			return f.file(name, maxKeyFile)
		})
	}
	if err != nil {
		f.err = fmt.Errorf("policy %s: %w", f.name, err)
	}
}

// file reads a file that should be small, and notes its stamp before.
func (f *policyFile) file(name string, most int64) ([]byte, error) {
	f.stamps[name] = stampOf(name)
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d octets", name, most)
	}
	return data, err
}
