package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func box(t testing.TB, octet byte) *Box {
	t.Helper()
	b, err := New(bytes.Repeat([]byte{octet}, KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBox_OpensWhatItSealedAndNothingElse(t *testing.T) {
	t.Parallel()
	b, other := box(t, 1), box(t, 2)
	rapid.Check(t, func(t *rapid.T) {
		purpose, name := rapid.String().Draw(t, "purpose"), rapid.String().Draw(t, "name")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := b.Seal(purpose, name, plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Open(purpose, name, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %x, %v", got, err)
		}
		if _, err := other.Open(purpose, name, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another master key: %v", err)
		}
		if _, err := b.Open(purpose+"x", name, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another purpose: %v", err)
		}
		if _, err := b.Open(purpose, name+"x", sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another name: %v", err)
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := b.Open(purpose, name, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("changed: %v", err)
		}
	})
}

func TestBox_ShowsNothing(t *testing.T) {
	t.Parallel()
	b := box(t, 'k')
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(format, struct{ B *Box }{b}); strings.Contains(text, "kkk") || strings.Contains(text, "6b6b") || strings.Contains(text, "107 107") {
			t.Errorf("%s shows %s", format, text)
		}
	}
}

func TestOpen_MakesAKeyOnceAndKeepsIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var wg sync.WaitGroup
	sealed := make([][]byte, 8)
	for i := range sealed {
		wg.Go(func() {
			b, err := Open(Source{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			if sealed[i], err = b.Seal("p", "n", []byte("text")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b, err := Open(Source{Dir: dir})
	if err != nil || b.Made() {
		t.Fatalf("made again %v, %v", b.Made(), err)
	}
	for i, s := range sealed {
		if _, err := b.Open("p", "n", s); err != nil {
			t.Errorf("process %d had another key", i)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".master-*")); left != nil {
		t.Errorf("left over: %v", left)
	}
}

func TestOpen_TakesTheKeyThatTheOperatorNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := strings.Repeat("A", 43)
	if _, err := Open(Source{File: file("good", good+"=\n", 0o600), Dir: dir}); err != nil {
		t.Error(err)
	}
	file("cred", good, 0o644) // its folder is guarded
	if _, err := Open(Source{Credential: "cred", Folder: dir, Dir: dir}); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		source Source
		want   string
	}{
		"readable by others": {Source{File: file("open", good, 0o644)}, "chmod 600"},
		"too short":          {Source{File: file("short", "AAAA", 0o600)}, "is no master key"},
		"too long":           {Source{File: file("long", good+strings.Repeat("\n", 2000), 0o600)}, "is no master key"},
		"not there":          {Source{File: filepath.Join(dir, "none"), Dir: dir}, "no such file"},
		"both":               {Source{File: "a", Credential: "b"}, "both"},
		"no manager":         {Source{Credential: "cred"}, "CREDENTIALS_DIRECTORY"},
		"a path":             {Source{Credential: "../cred", Folder: dir}, "no name of a credential"},
	} {
		b, err := Open(tc.source)
		if b != nil || err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v", name, b, err)
		}
		if err != nil && strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, FileName)); err == nil {
		t.Error("a key was made although the operator named one")
	}
}
