package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGeneratedFiles_AreUpToDateWithTheCatalogue(t *testing.T) {
	t.Parallel()
	files, err := generate("../../catalogue")
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob("../../*_gen.go")
	if err != nil || len(found) != len(files) {
		t.Errorf("%d files are there, %d are generated, %v", len(found), len(files), err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if string(got) != string(want) {
			t.Errorf("%s is out of date: run go generate ./onem2m\n%.2000s", name, cmp.Diff(string(got), string(want)))
		}
	}
}

func TestGoName_WritesAcronymsAsTheRestOfThePackage(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"OK": "OK", "NOT_FOUND": "NotFound", "ESPRIM_BAD_MAC": "ESPrimBadMAC", "ESPRIM_UNKNOWN_KEY_ID": "ESPrimUnknownKeyID",
	} {
		if got := goName(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestRun_WritesEveryFileOfTheCatalogueOnly(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if err := run("../../catalogue", out); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(out)
	if err != nil || len(list) != 6 {
		t.Errorf("%d files, %v", len(list), err)
	}
	if err := run(out, out); err == nil {
		t.Error("a folder without catalogue is read")
	}
}
