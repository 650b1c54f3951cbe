package consultation

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/onem2m"
)

var home = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}

const who = onem2m.ID("//m2m.example/id-in/Ctok001")

// now is 2026-03-04T10:30:00Z.
const now = onem2m.Timestamp(1772620200_000_000)

func response(code onem2m.StatusCode, name, value string) *onem2m.Response {
	res := &onem2m.Response{Code: code}
	if name != "" {
		res.Content = &onem2m.Content{Name: name, Value: []byte(value)}
	}
	return res
}

func TestReadResponse_A145_OnlyAnAnswerOfTheRightTypeGrants(t *testing.T) {
	t.Parallel()
	const gp = `{"acr":[{"acor":["Ctok001"],"acop":2}]}`
	for _, tt := range []struct {
		name   string
		res    *onem2m.Response
		grants bool
		err    bool
	}{
		{"A-145 a token", response(2000, "m2m:seci", `{"sit":2,"dres":{"tkns":["a.b.c"]}}`), true, false},
		{"A-145 privileges", response(2000, "m2m:seci", `{"sit":2,"dres":{"dai":{"gp":`+gp+`}}}`), true, false},
		{"A-145 no Content", response(2000, "", ""), false, false},
		{"A-145 an empty answer", response(2000, "m2m:seci", `{"sit":2,"dres":{}}`), false, false},
		{"A-145 no answer inside", response(2000, "m2m:seci", `{"sit":2}`), false, false},
		{"A-150 a refusal", response(4103, "m2m:dbg", `"no"`), false, false},
		{"A-150 a refusal with a grant in it", response(4103, "m2m:seci", `{"sit":2,"dres":{"tkns":["a.b.c"]}}`), false, false},
		{"A-145 another type", response(2000, "m2m:seci", `{"sit":8,"dres":{"tkns":["a.b.c"]}}`), false, true},
		{"A-145 no type", response(2000, "m2m:seci", `{"dres":{"tkns":["a.b.c"]}}`), false, true},
		{"A-145 another element", response(2000, "m2m:cnt", `{"sit":2,"dres":{"tkns":["a.b.c"]}}`), false, true},
		{"A-145 a member that isn't of the type", response(2000, "m2m:seci", `{"sit":2,"dres":{"tkns":["a.b.c"]},"darq":{}}`), false, true},
		{"A-145 tokens that are none", response(2000, "m2m:seci", `{"sit":2,"dres":{"tkns":["abc"]}}`), false, true},
		{"A-145 nonsense", response(2000, "m2m:seci", `[1,2]`), false, true},
		{"open point 38 dai beside dres", response(2000, "m2m:seci", `{"sit":2,"dai":{"gp":`+gp+`}}`), true, false},
		{"open point 38 dai beside dres with tokens", response(2000, "m2m:seci", `{"sit":2,"dai":{"gp":`+gp+`},"dres":{"tkns":["a.b.c"],"asri":true}}`), true, false},
		{"open point 38 dai in two places", response(2000, "m2m:seci", `{"sit":2,"dai":{"gp":`+gp+`},"dres":{"dai":{"gp":`+gp+`}}}`), false, true},
		{"open point 38 tokens in two places", response(2000, "m2m:seci", `{"sit":2,"dai":{"tkns":["a.b.c"]},"dres":{"tkns":["a.b.c"]}}`), false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadResponse(tt.res)
			if (err != nil) != tt.err || got.Grants() != tt.grants {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add(`{"sit":2,"dres":{"dai":{"gp":{"acr":[{"acor":["Ctok001"],"acop":2}]},"pl":"PT1H"},"tkns":["a.b.c"],"asri":true}}`)
	f.Add(`{"sit":2,"dai":{"gp":[]},"dres":{}}`)
	f.Add(`{"sit":8,"dars":{"tids":["t@das.example"],"signature":["c2ln"]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		res := response(2000, "m2m:seci", text)
		if answer, err := ReadResponse(res); err == nil {
			if grant, err := ReadGrant(home, answer, who, now, Lifetimes{Default: time.Hour, Max: time.Hour}); err == nil && grant != nil && (grant.Until <= now || grant.Until > now+3600_000_000) {
				t.Fatalf("until %v", grant.Until)
			}
		}
		if answer, err := ReadRelationResponse(res); err == nil && answer != nil && len(answer.Signatures) == 0 {
			t.Fatal("no signature")
		}
	})
}

func TestReadRelationResponse_A164_HoldsASignatureForEachToken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		n    int
		err  bool
	}{
		"A-164 one":               {`{"sit":8,"dars":{"tids":["t@das.example"],"signature":["c2ln"]}}`, 1, false},
		"A-164 no record":         {`{"sit":8,"dars":{"tids":["t@das.example"]}}`, 0, false},
		"A-164 one too many":      {`{"sit":8,"dars":{"tids":["t@das.example"],"signature":["c2ln","c2ln"]}}`, 0, true},
		"A-163 without a token":   {`{"sit":8,"dars":{"signature":["c2ln"]}}`, 0, true},
		"A-164 of another type":   {`{"sit":2,"dars":{"tids":["t@das.example"],"signature":["c2ln"]}}`, 0, true},
		"A-164 without a message": {`{"sit":8}`, 0, true},
	} {
		answer, err := ReadRelationResponse(response(2000, "m2m:seci", tt.text))
		n := 0
		if answer != nil {
			n = len(answer.Signatures)
		}
		if n != tt.n || (err != nil) != tt.err {
			t.Errorf("%s: %d signatures, %v", name, n, err)
		}
	}
}

func TestReadGrant_A146_IsAsWideAndAsLongAsItMayBe(t *testing.T) {
	t.Parallel()
	life := Lifetimes{Default: time.Hour, Max: 24 * time.Hour}
	hour := onem2m.Timestamp(3600_000_000)
	rule := func(acor string) string { return `{"acr":[{"acor":[` + acor + `],"acop":2}]}` }
	for _, tt := range []struct {
		name, gp, pl string
		until        onem2m.Timestamp
		err          bool
	}{
		{"A-146 for the originator", rule(`"//m2m.example/id-in/Ctok001"`), "", now + hour, false},
		{"A-146 in another form", rule(`"Ctok001"`), "", now + hour, false},
		{"A-146 for an hour and a half", rule(`"Ctok001"`), "PT1H30M", now + hour + hour/2, false},
		{"open point 21 in milliseconds", rule(`"Ctok001"`), "60000", now + 60_000_000, false},
		{"A-146 until an instant", rule(`"Ctok001"`), "20260304T120000", now + hour + hour/2, false},
		{"A-146 longer than allowed", rule(`"Ctok001"`), "20270304T120000", now + 24*hour, false},
		{"A-146 ended", rule(`"Ctok001"`), "20260304T100000", 0, true},
		{"A-146 a lifetime that goes back", rule(`"Ctok001"`), "-1000", 0, true},
		{"F-1 for all", rule(`"all"`), "", 0, true},
		{"F-1 for another as well", rule(`"Ctok001","Cother1"`), "", 0, true},
		{"F-1 for a pattern", rule(`"Ctok*"`), "", 0, true},
		{"F-1 for a role", rule(`"op@das.example"`), "", 0, true},
		{"F-1 for the domain", rule(`"//m2m.example"`), "", 0, true},
		{"A-146 without rules", `{"acr":[]}`, "", 0, true},
		{"A-205 a rule that can't be enforced", `{"acr":[{"acor":["Ctok001"],"acop":2,"acco":[{"actw":["never"]}]}]}`, "", 0, true},
		{"A-146 nothing", "", "", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := &onem2m.DASResponse{DynamicACP: true, Lifetime: tt.pl}
			if tt.gp != "" {
				answer.Privileges = []byte(tt.gp)
			}
			got, err := ReadGrant(home, answer, who, now, life)
			var until onem2m.Timestamp
			if got != nil {
				until = got.Until
			}
			if (err != nil) != tt.err || until != tt.until {
				t.Errorf("got %v, %v; want %v", until, err, tt.until)
			}
		})
	}
}

func TestDependable_PrivilegesComeOverAnAuthenticatedWay(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]bool{
		"https://das.example.com/x": true, "http://das.example.com/x": false, "http://127.0.0.1:8080/": true, "http://[::1]:8080/": true,
		"http://localhost/x": true, "http://localhost.example.com/": false, "http://127.0.0.1.example.com/": false, "http://127.0.0.1@das.example.com/": false,
		"pcu:abc": true, "mcc:": true, "ftp://127.0.0.1/": false, "HTTP://das.example.com/": false, "coaps://das.example.com": true, "http://%zz/": false,
	} {
		if Dependable(point) != want {
			t.Errorf("%s: got %v", point, !want)
		}
	}
}

// clock is one that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestDesk_A150_ServersThatFailRest(t *testing.T) {
	t.Parallel()
	c := &clock{at: now.Time()}
	d := NewDesk(c.now)
	answers := func(code onem2m.StatusCode, err error) Send {
		return func(context.Context, string) (*onem2m.Response, error) { return &onem2m.Response{Code: code}, err }
	}
	ask := func(send Send) error {
		_, err := d.Ask(t.Context(), "https://das.example.com", true, who, send)
		return err
	}
	if err := ask(answers(4103, nil)); err != nil {
		t.Errorf("a refusal is an answer: %v", err)
	}
	if err := ask(answers(0, errors.New("down"))); err == nil {
		t.Error("no error for a server that is down")
	}
	if err := ask(answers(2000, nil)); !errors.Is(err, ErrResting) {
		t.Errorf("asked again at once: %v", err)
	}
	if _, err := d.Ask(t.Context(), "https://other.example.com", true, who, answers(2000, nil)); err != nil {
		t.Errorf("another server: %v", err)
	}
	c.advance(Rest)
	if err := ask(answers(2000, nil)); err != nil {
		t.Errorf("after the rest: %v", err)
	}
	if err := ask(answers(onem2m.TargetNotReachable, nil)); err == nil {
		t.Error("an answer of somebody on the way is none of the server")
	}
	c.advance(-time.Hour)
	if err := ask(answers(2000, nil)); err != nil {
		t.Errorf("with a clock that was set back: %v", err)
	}
	if err := ask(answers(0, nil)); err == nil {
		t.Error("no code is no answer")
	}
}

func TestDesk_A191_WhoHasNoTimeLetsNoServerRest(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]Send{
		"A-191 nobody has answered":          func(ctx context.Context, _ string) (*onem2m.Response, error) { return nil, ctx.Err() },
		"A-191 somebody on the way gives up": func(context.Context, string) (*onem2m.Response, error) { return response(4008, "", ""), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := NewDesk(time.Now)
			ctx, cancel := context.WithCancel(t.Context())
			_, err := d.Ask(ctx, "https://das.example.com", true, who, func(ctx context.Context, point string) (*onem2m.Response, error) {
				cancel()
				return send(ctx, point)
			})
			if err == nil {
				t.Error("no error")
			}
			_, err = d.Ask(t.Context(), "https://das.example.com", true, "//m2m.example/Sother", func(context.Context, string) (*onem2m.Response, error) { return response(2000, "", ""), nil })
			if err != nil {
				t.Errorf("another originator: %v", err)
			}
		})
	}
}

func TestDesk_A191_OnlySoManyQuestionsAreOnTheirWay(t *testing.T) {
	t.Parallel()
	d := NewDesk(time.Now)
	release := make(chan struct{})
	var group sync.WaitGroup
	started := make(chan struct{}, MaxAsking)
	waiting := func(context.Context, string) (*onem2m.Response, error) {
		started <- struct{}{}
		<-release
		return &onem2m.Response{Code: 2000}, nil
	}
	hold := func(point string, asker onem2m.ID) {
		group.Go(func() {
			if _, err := d.Ask(t.Context(), point, true, asker, waiting); err != nil {
				t.Errorf("%s for %s: %v", point, asker, err)
			}
		})
		<-started
	}
	refused := func(point string, asker onem2m.ID) {
		t.Helper()
		if _, err := d.Ask(t.Context(), point, true, asker, waiting); !errors.Is(err, ErrBusy) {
			t.Errorf("%s for %s: %v", point, asker, err)
		}
	}
	name := func(n int) onem2m.ID { return onem2m.ID("//m2m.example/S" + strings.Repeat("a", n+1)) }
	for range MaxAskingEntity {
		hold("https://one.example.com", who)
	}
	refused("https://two.example.com", who)
	for i := range MaxAskingPoint - MaxAskingEntity {
		hold("https://one.example.com", name(i))
	}
	refused("https://one.example.com", name(100))
	for i := range MaxAsking - MaxAskingPoint {
		hold("https://x.example.com/"+strings.Repeat("p", i/4), name(200+i))
	}
	refused("https://free.example.com", name(300))
	close(release)
	group.Wait()
	if _, err := d.Ask(t.Context(), "https://one.example.com", true, who, func(context.Context, string) (*onem2m.Response, error) {
		return &onem2m.Response{Code: 2000}, nil
	}); err != nil {
		t.Errorf("when all have been answered: %v", err)
	}
	if len(d.askers) != 0 || len(d.points) != 0 || d.all != 0 {
		t.Errorf("something is left: %d, %v, %v", d.all, d.points, d.askers)
	}
}

func TestDesk_A191_ServersThatTheOperatorHasntNamedLeavePlacesToTheOthers(t *testing.T) {
	t.Parallel()
	d := NewDesk(time.Now)
	release, started := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	ask := func(n int, named bool, send Send) error {
		asker := onem2m.ID("//m2m.example/S" + strings.Repeat("a", n+1))
		_, err := d.Ask(t.Context(), "https://x.example.com/"+strings.Repeat("p", n), named, asker, send)
		return err
	}
	at := func(context.Context, string) (*onem2m.Response, error) { return response(2000, "", ""), nil }
	for i := range MaxAskingOthers {
		group.Go(func() {
			err := ask(i, false, func(context.Context, string) (*onem2m.Response, error) {
				started <- struct{}{}
				<-release
				return response(2000, "", ""), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-started
	}
	if err := ask(MaxAskingOthers, false, at); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if err := ask(MaxAskingOthers, true, at); err != nil {
		t.Errorf("the server of the operator: %v", err)
	}
	close(release)
	group.Wait()
	if err := ask(MaxAskingOthers, false, at); err != nil || d.others != 0 {
		t.Errorf("when they have answered: %v, %d are left", err, d.others)
	}
}

func TestReadGrant_F1_CountsForTheAuthenticatedOriginatorAlone(t *testing.T) {
	t.Parallel()
	for _, gp := range []string{
		`{"acr":[{"acor":["Ctok001"],"acop":2},{"acor":["Ctok001"],"acop":4,"acaf":false}]}`,
		`{"acr":[{"acor":["Ctok001"],"acop":2,"acaf":true},{"acor":["Ctok001"],"acop":4}]}`,
	} {
		grant, err := ReadGrant(home, &onem2m.DASResponse{DynamicACP: true, Privileges: []byte(gp)}, who, now, Lifetimes{Default: time.Hour, Max: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		o, err := onem2m.ParseObject(grant.Privileges)
		if err != nil {
			t.Fatal(err)
		}
		rules, _ := o.Objects("acr")
		if len(rules) != 2 {
			t.Errorf("%d rules", len(rules))
		}
		for _, rule := range rules {
			if string(rule.Get("acaf")) != "true" {
				t.Errorf("somebody who isn't authenticated may use %s", rule.Append(nil))
			}
		}
	}
}
