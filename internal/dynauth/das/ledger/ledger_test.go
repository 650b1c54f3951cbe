package ledger_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/das/ledger"
)

// crashing is set in a process that writes until it is killed.
const crashing = "BULWARK_TEST_LEDGER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashing); dir != "" {
		writeForEver(dir)
	}
	os.Exit(m.Run())
}

func self() das.Identity { return das.Identity{ID: "//m2m.example/Sdas", FQDN: "das.m2m.example"} }

// writeForEver adds entries and says of each, when it is acknowledged, that it
// was.
func writeForEver(dir string) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, dir, self())
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		e := entry(fmt.Sprintf("t%d-%d@das.m2m.example", os.Getpid(), i))
		if err := l.Update(ctx, func(tx das.Tx) error { return tx.Add(e) }); err != nil {
			panic(err)
		}
		fmt.Println(e.ID)
	}
}

func entry(id string) *das.Entry {
	return &das.Entry{
		ID: id, Grant: "g", Gift: "x", Token: true, Holder: "//m2m.example/id-in/CA", Credential: "20-x", Audience: "//m2m.example/id-in",
		Target: "//m2m.example/id-in/x", Type: 3, Operation: 2, Vouched: true, Roles: "a b", KeyID: "k", Sealed: []byte{1, 2}, Issued: 10, NotAfter: 100,
		Digest: "d" + id,
	}
}

func open(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), dir, self())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLedger_WhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var acknowledged []string
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashing+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20 && lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
		}
		_ = cmd.Wait()
	}
	if len(acknowledged) < 60 {
		t.Fatalf("%d were written", len(acknowledged))
	}
	l := open(t, dir)
	err := l.View(t.Context(), func(r das.Reader) error {
		for _, id := range acknowledged {
			if !strings.HasSuffix(id, "@das.m2m.example") {
				continue // a line that the kill cut
			}
			if _, err := r.Entry(id); err != nil {
				t.Errorf("%s is lost: %v", id, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedger_ReturnsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	e := entry("t1@das.m2m.example")
	k := &das.KeyRecord{ID: "k", Algorithm: "ES256", Made: 1, From: 2, Public: []byte(`{"kty":"EC"}`), Sealed: []byte{3}}
	r := &das.Relation{TokenID: e.ID, Subject: e.Holder, Resource: e.Target, Signature: []byte{9}, Sealed: true, Verified: true, Made: 11}
	err := l.Update(t.Context(), func(tx das.Tx) error {
		return errors.Join(tx.Add(e), tx.PutKey(k), tx.PutRelation(r))
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	if err := l.Update(t.Context(), func(tx das.Tx) error { return errors.Join(tx.Add(entry("t2@das.m2m.example")), failed) }); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if err := l.Update(t.Context(), func(tx das.Tx) error { return tx.Add(entry(e.ID)) }); err == nil {
		t.Error("an ID is used twice")
	}
	k.Retired = 5
	if err := l.Update(t.Context(), func(tx das.Tx) error { return tx.PutKey(k) }); err != nil {
		t.Fatal(err)
	}
	err = open(t, dir).View(t.Context(), func(rd das.Reader) error {
		got, err := rd.Entry(e.ID)
		all, err2 := rd.Entries(das.Filter{})
		keys, err3 := rd.Keys()
		relation, err4 := rd.Relation(e.ID)
		last, err5 := rd.LastUse("k")
		if diff := cmp.Diff(e, got); diff != "" || len(all) != 1 {
			t.Errorf("%d entries %s", len(all), diff)
		}
		if diff := cmp.Diff([]das.KeyRecord{*k}, keys); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(r, relation); diff != "" || last != 100 {
			t.Errorf("%v %s", last, diff)
		}
		if _, err := rd.Entry("none@das.m2m.example"); !errors.Is(err, das.ErrNotFound) {
			t.Error(err)
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, ledger.FileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLedger_CountsAndSelects(t *testing.T) {
	t.Parallel()
	l := open(t, t.TempDir())
	add := func(id string, change func(*das.Entry)) *das.Entry {
		e := entry(id + "@das.m2m.example")
		if change != nil {
			change(e)
		}
		return e
	}
	other := func(e *das.Entry) { e.Holder = "//m2m.example/id-in/CB" }
	all := []*das.Entry{
		add("live", nil), add("other", other), add("ended", func(e *das.Entry) { e.NotAfter = 50 }),
		add("revoked", func(e *das.Entry) { e.Revoked = 20 }),
		add("barred", func(e *das.Entry) { e.Revoked, e.Barred, e.NotAfter = 20, true, 80 }),
		add("elsewhere", func(e *das.Entry) { e.Grant = "h" }),
	}
	err := l.Update(t.Context(), func(tx das.Tx) error {
		for _, e := range all {
			if err := tx.Add(e); err != nil {
				return err
			}
		}
		out, err := tx.Outstanding("g", "//m2m.example/id-in/CA", 50)
		if diff := cmp.Diff(das.Outstanding{All: 2, Each: 1, Revoked: 80}, out); diff != "" {
			t.Error(diff)
		}
		for name, tt := range map[string]struct {
			f    das.Filter
			want int
		}{
			"live":    {das.Filter{Live: true, Now: 50}, 3},
			"revoked": {das.Filter{Revoked: true, Now: 50}, 2},
			"holder":  {das.Filter{Holder: "//m2m.example/id-in/CB"}, 1},
			"grant":   {das.Filter{Grant: "h", Live: true, Now: 50}, 1},
			"limit":   {das.Filter{Limit: 4}, 4},
			"target":  {das.Filter{Target: "//m2m.example/id-in/y"}, 0},
			"digest":  {das.Filter{Digest: "dended@das.m2m.example"}, 1},
			"unnamed": {das.Filter{Nameless: true}, 0},
		} {
			if got, err := tx.Entries(tt.f); err != nil || len(got) != tt.want {
				t.Errorf("%s: %d, %v", name, len(got), err)
			}
		}
		n, err2 := tx.Prune(81)
		if n != 2 {
			t.Errorf("%d pruned", n)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedger_SeveralProcessesAndGoroutinesChangeItOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ledgers := []*ledger.Ledger{open(t, dir), open(t, dir)}
	const most = 10
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			err := ledgers[i%2].Update(t.Context(), func(tx das.Tx) error {
				out, err := tx.Outstanding("g", "", 50)
				if err != nil || out.All >= most {
					return err
				}
				time.Sleep(time.Millisecond)
				return tx.Add(entry(fmt.Sprintf("t%d@das.m2m.example", i)))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	err := ledgers[0].View(t.Context(), func(r das.Reader) error {
		out, err := r.Outstanding("g", "", 50)
		if out.All != most {
			t.Errorf("%d were added", out.All)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedger_OfVersionOneIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	schema, err := os.ReadFile("testdata/version1.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ledger.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(schema), "INSERT INTO server (id, name, fqdn) VALUES (1, '//m2m.example/Sdas', 'das.m2m.example')",
		`INSERT INTO entry (id, grant_name, gift, token, holder, credential, audience, target, type, operation, vouched, roles, key_id, sealed, issued, not_after)
VALUES ('t1@das.m2m.example', 'g', 'x', 1, '//m2m.example/id-in/CA', '', '//m2m.example/id-in', '//m2m.example/id-in/x', 3, 2, 1, '', 'k', x'0102', 10, 100)`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l := open(t, dir)
		err = l.Update(t.Context(), func(tx das.Tx) error {
			list, err := tx.Entries(das.Filter{Nameless: true})
			for _, e := range list {
				err = errors.Join(err, tx.PutDigest(e.ID, "digest"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = l.View(t.Context(), func(r das.Reader) error {
			list, err := r.Entries(das.Filter{Digest: "digest"})
			if len(list) != 1 || list[0].ID != "t1@das.m2m.example" || list[0].NotAfter != 100 {
				t.Errorf("got %+v", list)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
