package ledger_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/das/ledger"
)

// TestLedger_OneOfTheFirstVersionIsTakenUp makes one as the first version did.
func TestLedger_OneOfTheFirstVersionIsTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	schema, err := os.ReadFile(filepath.Join("testdata", "version1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ledger.FileName))
	if err != nil {
		t.Fatal(err)
	}
	const row = `INSERT INTO entry (id, grant_name, gift, token, holder, credential, audience, target, type, operation, vouched, roles, key_id, issued, not_after, revoked)
VALUES (?, 'g', 'x', 1, '//m2m.example/id-in/CA', '', '//m2m.example/id-in', '//m2m.example/id-in/x', 3, 2, 1, '', 'k', 10, 100, ?)`
	for _, text := range []string{string(schema), "INSERT INTO server (id, name, fqdn) VALUES (1, '//m2m.example/Sdas', 'das.m2m.example')"} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	for id, revoked := range map[string]int{"good@das.m2m.example": 0, "gone@das.m2m.example": 20} {
		if _, err := db.ExecContext(t.Context(), row, id, revoked); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = open(t, dir).View(t.Context(), func(r das.Reader) error {
			list, err := r.Entries(das.Filter{Owed: true, Now: 50})
			if len(list) != 1 || list[0].ID != "gone@das.m2m.example" {
				t.Errorf("owed: %v", list)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLedger_AChangeShowsInItsVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, other := open(t, dir), open(t, dir)
	last := int64(-1)
	changed := func() bool {
		t.Helper()
		v, err := l.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		was := last
		last = v
		return v != was
	}
	changed()
	if changed() {
		t.Error("it changes by itself")
	}
	for name, ledger := range map[string]*ledger.Ledger{"here": l, "in another process": other} {
		if err := ledger.Update(t.Context(), func(tx das.Tx) error { return tx.Add(entry(name + "@das.m2m.example")) }); err != nil {
			t.Fatal(err)
		}
		if !changed() {
			t.Errorf("%s: no change", name)
		}
	}
}
