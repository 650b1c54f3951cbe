package federation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func tend(t *testing.T, r *Registree) {
	t.Helper()
	if err := r.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRegistree_C212_C214_RegistersAndKeepsAMirror(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	r := far.registree("https://mn.m2m.example:8443")
	tend(t, r)
	want := []string{"RETRIEVE /id-in/-/id-mn", "CREATE /id-in/-", "RETRIEVE /id-in/-"}
	if diff := cmp.Diff(want, far.said()); diff != "" {
		t.Error(diff)
	}
	far.entry.Delete("et")
	if got := string(far.entry.Append(nil)); got != `{"csi":"/id-mn","cb":"/id-mn/cse-mn","cst":2,"rr":true,"srv":["1","3"],"csz":["application/json"],"poa":["https://mn.m2m.example:8443"],"rn":"id-mn"}` {
		t.Errorf("registered as %s", got)
	}
	if got := far.mirrored[0]; got != `{"csi":"/id-in","cb":"/id-in/cse-in","rr":true,"poa":["https://in.m2m.example","https://in.m2m.example:8443"],"cst":1,"srv":["2a","3"]}` {
		t.Errorf("mirrored as %s", got)
	}
	if !r.Joined() || r.Entry() != "/id-in/-/id-mn" {
		t.Errorf("joined %v at %s", r.Joined(), r.Entry())
	}
}

func TestRegistree_C218_UpdatesWhatDiffers(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	tend(t, far.registree("https://a.example"))
	far.below = []onem2m.ID{asn, mn2}
	r := far.registree("https://b.example") // after a restart at another address
	far.said()
	tend(t, r)
	want := []string{
		"RETRIEVE /id-in/-/id-mn", `UPDATE /id-in/-/id-mn {"poa":["https://b.example"]}`, `UPDATE /id-in/-/id-mn {"dcse":["/id-asn","/id-mn2"]}`, "RETRIEVE /id-in/-",
	}
	if diff := cmp.Diff(want, far.said()); diff != "" {
		t.Error(diff)
	}
	far.entry.Set("dcse", onem2m.TextsValue([]string{"//m2m.example/id-mn2", "/id-asn"})) // the same, written otherwise
	tend(t, r)
	if diff := cmp.Diff([]string{"RETRIEVE /id-in/-/id-mn"}, far.said()); diff != "" {
		t.Error(diff)
	}
	far.below = nil
	far.entry.Set("et", onem2m.TimeValue(onem2m.TimestampOf(time.Now().Add(lifetime/3))))
	tend(t, r)
	if log := far.said(); len(log) != 3 || !strings.HasPrefix(log[1], `UPDATE /id-in/-/id-mn {"et":"`) || log[2] != `UPDATE /id-in/-/id-mn {"dcse":null}` {
		t.Errorf("said %q", log)
	}
	tend(t, far.registree()) // polls from now on
	if log := far.said(); len(log) != 3 || !strings.Contains(log[1], `{"rr":false,"poa":null}`) {
		t.Errorf("said %q", log)
	}
}

func TestRegistree_WarnsOfAnotherCSEWithItsCSEID(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	var log strings.Builder
	far.out = slog.New(slog.NewTextHandler(&log, nil))
	one, other := far.registree("https://a.example"), far.registree("https://b.example")
	tend(t, one)
	tend(t, one)
	tend(t, other) // one that was moved to another address starts the same way
	const warning = "is there another one with its CSE-ID"
	if strings.Contains(log.String(), warning) {
		t.Errorf("warned too early: %s", log.String())
	}
	for range 4 {
		tend(t, one)
		tend(t, other)
	}
	if got := strings.Count(log.String(), warning); got != 6 { // of each at the looks 1, 2 and 4
		t.Errorf("%d warnings: %s", got, log.String())
	}
	if !strings.Contains(log.String(), "cse=//m2m.example/id-mn") || !strings.Contains(log.String(), "poa=[https://b.example] own=[https://a.example]") {
		t.Errorf("it doesn't say who: %s", log.String())
	}
}

func TestRegistree_SaysWhatToLookAtFirst(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t).registree()
	for _, tt := range []struct {
		name, want string
		err        error
	}{
		{"a root that isn't known", "[remote]", fmt.Errorf("register: %w", &onem2m.Error{Code: onem2m.TargetNotReachable, Cause: x509.UnknownAuthorityError{}})},
		{"an own certificate that isn't taken", "revoked or over", errors.New("remote error: tls: bad certificate")},
		{"an own certificate of somebody else", "//m2m.example/id-mn", &refusedError{doing: "register", code: onem2m.OriginatorNotAuthenticated}},
		{"nobody there", "", errors.New("connect: connection refused")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := r.help(tt.err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("help is %q", got)
			}
		})
	}
}

func TestRegistree_C219_RegistersAgainWhenItsEntryIsGone(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	r := far.registree("https://a.example")
	var told []bool
	r.o.Joined = func(joined bool) { told = append(told, joined) }
	tend(t, r)
	far.entry = nil
	tend(t, r)
	far.away = true
	if err := r.Tend(t.Context()); err == nil || !r.Joined() {
		t.Errorf("a registrar that isn't reached: %v, joined %v", err, r.Joined())
	}
	far.away = false
	tend(t, r)
	if diff := cmp.Diff([]bool{true, false, true}, told); diff != "" {
		t.Error(diff)
	}
}

func TestRegistree_WhenTheRegistrarRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a name that is taken is left to the registrar", func(t *testing.T) {
		t.Parallel()
		far := newRegistrar(t)
		far.taken = true
		r := far.registree("https://a.example")
		tend(t, r)
		if r.Entry() != "/id-in/csr77" || far.entry.Has("rn") {
			t.Errorf("at %s: %s", r.Entry(), far.entry.Append(nil))
		}
		t.Run("C-212 and found again after a restart", func(t *testing.T) {
			far.refuse = onem2m.OriginatorHasAlreadyRegistered
			again := far.registree("https://a.example")
			tend(t, again)
			if again.Entry() != "/id-in/csr77" || !again.Joined() {
				t.Errorf("at %s", again.Entry())
			}
		})
	})
	t.Run("C-212 a CSE-ID that somebody else has", func(t *testing.T) {
		t.Parallel()
		far := newRegistrar(t)
		far.refuse = onem2m.OriginatorHasAlreadyRegistered
		r := far.registree("https://a.example")
		if err := r.Tend(t.Context()); codeOf(err) != 4117 || r.Joined() || !strings.Contains(err.Error(), "4117 \"why\"") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("S-014 another CSE answers", func(t *testing.T) {
		t.Parallel()
		far := newRegistrar(t)
		far.base = `{"csi":"/id-other","rn":"cse-other"}`
		r := far.registree("https://a.example")
		if err := r.Tend(t.Context()); err == nil || r.Joined() || len(far.mirrored) > 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestRegistree_C212_ComesBackWithPausesThatGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		far.away = true
		r := far.registree("https://a.example")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		time.Sleep(time.Hour)
		before := far.tried()
		r.Changed()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if then := far.tried() - before; r.Joined() || then > 0 || before < 45 || before > 100 {
			t.Errorf("joined %v, asked %d times in an hour, and then %d", r.Joined(), before, then)
		}
		far.mu.Lock()
		far.away = false
		far.mu.Unlock()
		time.Sleep(longestPause * 5 / 4)
		synctest.Wait()
		if !r.Joined() {
			t.Error("not registered with a registrar that is back")
		}
		far.said()
		far.mu.Lock()
		far.below = []onem2m.ID{asn}
		far.mu.Unlock()
		r.Changed()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if log := far.said(); len(log) != 2 || !strings.Contains(log[1], "dcse") {
			t.Errorf("C-215: a change is told at once: %q", log)
		}
		cancel()
		<-done
		if far.entry == nil {
			t.Error("C-217: a stop is no de-registration")
		}
	})
}

func TestPoller_C078_FetchesAndAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		r := far.registree()
		handle := func(_ context.Context, _ func() func(), req *onem2m.Request) *onem2m.Response {
			return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID}
		}
		p := NewPoller(r, far, handle, slog.New(slog.DiscardHandler))
		r.o.Joined = func(bool) { p.Changed() }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{}, 2)
		go func() { p.Run(ctx); done <- struct{}{} }()
		go func() { r.Run(ctx); done <- struct{}{} }()
		post := func(rqi string) {
			far.mu.Lock()
			defer far.mu.Unlock()
			far.queue = append(far.queue, &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-mn", From: "/id-in/Cx", HasFrom: true, RequestID: rqi})
		}
		post("q1")
		post("q2")
		time.Sleep(time.Minute)
		far.mu.Lock()
		far.away = true // and back
		far.mu.Unlock()
		time.Sleep(time.Minute)
		far.mu.Lock()
		far.away, far.entry, far.channel = false, nil, false
		far.mu.Unlock()
		post("q3")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		cancel()
		<-done
		<-done
		text := strings.Join(far.answers, " ")
		for _, rqi := range []string{"q1", "q2", "q3"} {
			if strings.Count(text, `"rqi":"`+rqi+`"`) != 1 {
				t.Errorf("%s is not answered once: %s", rqi, text)
			}
		}
	})
}

func TestDeparture_C217_TakesLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		tend(t, far.registree("https://a.example"))
		d := Departure{Home: middle(), Registrar: in, Points: []string{"https://in.m2m.example"}, Sender: far, Log: slog.New(slog.DiscardHandler)}
		far.away = true
		go func() {
			time.Sleep(5 * time.Second)
			far.mu.Lock()
			defer far.mu.Unlock()
			far.away = false
		}()
		if !d.Run(t.Context(), func() string { return "bye" }) || far.entry != nil {
			t.Error("the registration is still there")
		}
		far.away = true
		if !d.Run(t.Context(), func() string { return "bye" }) {
			t.Error("it never gives up")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d.Run(ctx, func() string { return "bye" }) {
			t.Error("a stop counts as a farewell")
		}
	})
}

func TestRegistree_C218_ARegistrarThatTakesNoDescendantsKeepsTheRegistration(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	far.below, far.crowded = []onem2m.ID{asn}, true
	r := far.registree("https://a.example")
	tend(t, r)
	if !r.Joined() || far.entry.Has("dcse") {
		t.Errorf("joined %v: %s", r.Joined(), far.entry.Append(nil))
	}
	soon := onem2m.TimestampOf(time.Now().Add(lifetime / 3))
	far.entry.Set("et", onem2m.TimeValue(soon))
	tend(t, r)
	if et, err := onem2m.ParseTimestamp(textOf(far.entry, "et")); err != nil || et <= soon {
		t.Errorf("not renewed: %s", far.entry.Append(nil))
	}
}

func TestRegistree_S014_ARegistrarOverTLSIsNeverAskedWithout(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	far.base = `{"csi":"/id-in","rn":"cse-in","srv":["3"],"poa":["http://in.m2m.example:8080","https://in.m2m.example:8443"]}`
	tend(t, far.registree("https://a.example"))
	if got := far.mirrored[0]; strings.Contains(got, "http://") || !strings.Contains(got, "https://in.m2m.example:8443") {
		t.Errorf("mirrored as %s", got)
	}
}

func TestRegistree_S093_OneThatTheRegistrarKnowsFromElsewhereSpoilsNothing(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	var many []onem2m.ID
	for i := range 40 {
		many = append(many, onem2m.ID(fmt.Sprintf("%s/id-d%02d", sp, i)))
	}
	far.below, far.known = many, []onem2m.ID{many[3], many[20]}
	r := far.registree("https://a.example")
	tend(t, r)
	if diff := cmp.Diff(far.known, far.denied); diff != "" {
		t.Error(diff)
	}
	if list, _ := far.entry.Texts("dcse"); len(list) != 38 || len(far.vouched) != 38 || slices.Contains(far.vouched, many[3]) {
		t.Errorf("%d are told and %d are taken", len(list), len(far.vouched))
	}
	far.said()
	far.below = many[:30]
	tend(t, r)
	if list, _ := far.entry.Texts("dcse"); len(list) != 28 || len(far.vouched) != 28 || len(far.said()) > 6 {
		t.Errorf("then %d are told and %d are taken", len(list), len(far.vouched))
	}
	far.known = many // it takes nobody any more
	far.entry.Delete("dcse")
	far.said()
	tend(t, r)
	if len(far.denied) != maxDoubts || len(far.vouched) != 0 || len(far.said()) > 5*maxDoubts {
		t.Errorf("%d are denied, %d taken", len(far.denied), len(far.vouched))
	}
}

func TestRegistree_E16_E21_TellsWhatTheCSEDoesEndToEnd(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	far.does = `{"esf":[13],"esro":{"esri":"S1"}}`
	far.base = strings.Replace(far.base, `{`, `{"esi":{"esf":[43]},`, 1)
	r := far.registree("https://a.example")
	tend(t, r)
	if string(far.entry.Get("esi")) != far.does {
		t.Errorf("the registrar has %s", far.entry.Append(nil))
	}
	if !strings.Contains(far.mirrored[0], `"esi":{"esf":[43]}`) {
		t.Errorf("of the registrar is known %s", far.mirrored[0])
	}
	far.entry.Set("esi", []byte(`{"esro":{"esri":"S1"},"esf":[13]}`))
	before := len(far.log)
	tend(t, r)
	for _, line := range far.log[before:] {
		if strings.Contains(line, "esi") {
			t.Errorf("told again: %s", line)
		}
	}
	far.does = `{"esf":[13],"esro":{"esri":"S2"}}`
	tend(t, r)
	if string(far.entry.Get("esi")) != far.does {
		t.Errorf("E-21: the registrar still has %s", far.entry.Get("esi"))
	}
	far.limited, far.does = true, `{"esf":[13],"esro":{"esri":"S3"}}`
	tend(t, r)
	if !r.Joined() {
		t.Error("a registrar that takes none ended the registration")
	}
	far.limited, far.does = false, ""
	tend(t, r)
	if far.entry.Has("esi") {
		t.Errorf("still there: %s", far.entry.Get("esi"))
	}
}

func TestRegistree_C215_MoreDescendantsThanFitAreToldInPart(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	for i := range 1000 {
		far.below = append(far.below, onem2m.ID(fmt.Sprintf("%s/id-%s-%04d", sp, strings.Repeat("x", 1200), i)))
	}
	tend(t, far.registree("https://a.example"))
	list, _ := far.entry.Texts("dcse")
	if size := len(far.entry.Get("dcse")); size > maxTelling+1 || size < maxTelling-10_000 || len(list) != len(far.vouched) {
		t.Errorf("%d octets are told, %d of %d", size, len(list), len(far.below))
	}
	if n := len(far.said()); n > 60 {
		t.Errorf("it took %d requests", n)
	}
}

// A CSE moves below this one. Its former registrar is told of it by this CSE before
// it is told by the CSE itself.
func TestRegistree_C215_S093_WhatIsRefusedIsToldAgainSoon(t *testing.T) {
	t.Parallel()
	for name, refusing := range map[string]func(far *registrar, refuse bool){
		"known from elsewhere":     func(far *registrar, refuse bool) { far.known = sliceIf(refuse, asn) },
		"and barred for a moment":  func(far *registrar, refuse bool) { far.barred = sliceIf(refuse, asn) },
		"and no other comes along": func(far *registrar, refuse bool) { far.crowded = refuse },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				far := newRegistrar(t)
				far.below = []onem2m.ID{mn3}
				defer keep(t, far)()
				time.Sleep(time.Hour)
				far.with(func() { far.below = append(far.below, asn); refusing(far, true) })
				far.r.Changed()
				time.Sleep(time.Second) // it takes leave
				far.with(func() { refusing(far, false) })
				time.Sleep(2 * time.Second)
				synctest.Wait()
				far.with(func() {
					if list, _ := far.entry.Texts("dcse"); !slices.Equal(list, []string{"/id-asn", "/id-mn3"}) || !slices.Contains(far.vouched, asn) {
						t.Errorf("%q are told, %q are taken", list, far.vouched)
					}
				})
			})
		})
	}
}

func TestRegistree_C215_S093_WhatIsRefusedForGoodCostsALookNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		var log strings.Builder
		far.out = slog.New(slog.NewTextHandler(&log, nil))
		far.below, far.known = []onem2m.ID{asn, mn3}, []onem2m.ID{asn}
		defer keep(t, far)()
		looks := func() int {
			return len(slices.DeleteFunc(far.said(), func(s string) bool { return s != "RETRIEVE /id-in/-/id-mn" }))
		}
		within := func(when string, d time.Duration, least, most int) {
			t.Helper()
			looks()
			time.Sleep(d)
			synctest.Wait()
			if n := looks(); n < least || n > most {
				t.Errorf("%s: %d looks, want %d to %d", when, n, least, most)
			}
		}
		within("in the first minute", time.Minute, 6, 9)
		within("in the hour after", time.Hour, 90, 150)
		far.r.Changed()
		within("after a change of something else", time.Hour, 90, 150)
		far.with(func() { far.known = append(far.known, mn3); far.entry.Delete("dcse") })
		within("until it is seen that another one is refused", 40*time.Second, 1, 12)
		far.with(func() { far.known = nil })
		within("until all are taken", 40*time.Second, 1, 12)
		within("in the end", time.Hour, 90, 150)
		if n := strings.Count(log.String(), "level=WARN"); n != 2 {
			t.Errorf("%d warnings in some hours: %s", n, log.String())
		}
		far.with(func() {
			if list, _ := far.entry.Texts("dcse"); len(list) != 2 {
				t.Errorf("told are %q", list)
			}
		})
	})
}

// What the registrar takes its own one may refuse: it then takes it back.
func TestRegistree_C215_S093_WhatIsTakenBackIsToldAgainSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := newRegistrar(t)
		defer keep(t, far)()
		time.Sleep(time.Hour)
		far.with(func() { far.below = []onem2m.ID{asn} })
		far.r.Changed()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		far.with(func() { far.entry.Delete("dcse"); far.barred = []onem2m.ID{asn} })
		time.Sleep(time.Second)
		far.with(func() { far.barred = nil })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		far.with(func() {
			if list, _ := far.entry.Texts("dcse"); len(list) != 1 {
				t.Errorf("told are %q", list)
			}
		})
	})
}

// keep runs the registration with far until the function that it returns is called.
func keep(t *testing.T, far *registrar) func() {
	t.Helper()
	far.r = far.registree("https://a.example")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); far.r.Run(ctx) }()
	return func() { cancel(); <-done }
}

func sliceIf(yes bool, id onem2m.ID) []onem2m.ID {
	if !yes {
		return nil
	}
	return []onem2m.ID{id}
}

func TestRegistree_C100_HearsFromItsRegistrarWhoTheINCSEIs(t *testing.T) {
	t.Parallel()
	far := newRegistrar(t)
	far.base = `{"csi":"/id-in","rn":"cse-in","cst":2,"srv":["3"],"lbl":["floor:2"]}`
	r := far.registree("https://a.example")
	said := func(part string) bool {
		return strings.Contains(far.mirrored[len(far.mirrored)-1], part)
	}
	tend(t, r)
	if said(`"lbl"`) {
		t.Errorf("its other labels are its own: %s", far.mirrored)
	}
	far.base = strings.Replace(far.base, `"floor:2"`, `"floor:2","IN-CSE-ID:/id-center","IN-CSE-ID:/id-other"`, 1)
	for range rereadSoon {
		tend(t, r)
	}
	if !said(`"lbl":["IN-CSE-ID:/id-center"]`) {
		t.Errorf("it was told, and knows %s", far.mirrored)
	}
	far.base = strings.Replace(far.base, `"cst":2`, `"cst":1`, 1)
	for range reread {
		tend(t, r)
	}
	if said(`"lbl"`) {
		t.Errorf("the IN-CSE names itself: %s", far.mirrored)
	}
}
