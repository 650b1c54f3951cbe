package fieldcase

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

// The rows of case 13 that need a Dynamic Authorization Server: this one shares
// no code with the CSE either.

// server answers questions at a loopback address.
type server struct{ *harness.Sink }

// says answers with a message, "" for none.
func (s *server) says(seci string) {
	s.Answer(func(w http.ResponseWriter, r *http.Request, _ string) {
		w.Header()["X-M2M-RSC"] = []string{"2000"}
		w.Header()["X-M2M-RI"] = []string{r.Header.Get("X-M2M-RI")}
		if seci != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"m2m:seci":%s}`, seci)
		}
	})
}

// grants answers with tokens.
func (s *server) grants(tokens ...string) {
	s.says(`{"sit":2,"dres":{"tkns":["` + strings.Join(tokens, `","`) + `"]}}`)
}

// newServed is a gate whose lamp is governed by a server.
func newServed(t *testing.T) (*gate, *server) {
	t.Helper()
	s := &server{Sink: harness.NewSink(t)}
	s.says("")
	g := newGate(t, fmt.Sprintf("poa = %q", s.URL+"/das"))
	bay := g.clients["Cbay001"]
	bay.Make(t, "Cbay001", "/cse-in/bay", 34, fmt.Sprintf(`{"m2m:dac":{"rn":"das","dae":true,"dap":[%q]}}`, s.URL+"/das"))
	bay.Update(t, "Cbay001", lamp, `{"m2m:cnt":{"daci":["cse-in/bay/das"]}}`).Expect(t, 2004, 200)
	return g, s
}

func TestFieldCase13_TheServerIsAskedAndTheClientIsTold(t *testing.T) {
	t.Parallel()
	g, s := newServed(t)
	refused := g.ask(t, "Ctok001", "Ctok001", lamp+"?tqi=true", "")
	refused.Expect(t, 4103, 403)
	for _, want := range []string{`"m2m:tqf"`, s.URL + "/das", `"or":"//m2m.example/id-in/Ctok001"`} {
		if !strings.Contains(string(refused.Body), want) {
			t.Errorf("A-151 the refusal is %s", refused.Body)
		}
	}
	if plain := g.ask(t, "Ctok001", "Ctok001", lamp, ""); strings.Contains(string(plain.Body), "tqf") {
		t.Errorf("A-152 the refusal is %s", plain.Body)
	}
	got := s.Got()
	if len(got) != 2 || !strings.Contains(got[0].Body, `"sit":1`) || got[0].Header.Get("X-M2M-Origin") != "/id-in" {
		t.Fatalf("A-141 the server was asked %+v", got)
	}

	direct := good("tk1")
	direct.audience = "//m2m.example/id-in"
	s.grants(g.token(t, direct))
	first := g.ask(t, "Ctok001", "Ctok001", lamp, "")
	first.Expect(t, 2000, 200)
	if !strings.HasSuffix(first.Header.Get("X-M2M-ATI"), ":tk1@das.m2m.example") {
		t.Errorf("A-136 X-M2M-ATI is %q", first.Header.Get("X-M2M-ATI"))
	}
	s.says("")
	n := len(s.Got())
	g.ask(t, "Ctok001", "Ctok001", lamp, "").Expect(t, 2000, 200)
	if len(s.Got()) != n {
		t.Error("A-147 the server was asked about what it has granted")
	}
	g.clients["Ctok001"].Delete(t, "Ctok001", lamp).Expect(t, 4103, 403)
	g.ask(t, "Ctok002", "Ctok002", lamp, "").Expect(t, 4103, 403)
	for _, want := range []string{`"dynamic"`, "token tk1@das.m2m.example permission 1 rule 1", "it grants nothing"} {
		found := false
		for until := time.Now().Add(time.Minute); !found && time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			found = strings.Contains(strings.Join(g.process.Audit(), "\n"), want) // it is written a moment later
		}
		if !found {
			t.Errorf("A-193 the audit trail has no %q", want)
		}
	}
}

func TestFieldCase13_ATokenThatHasToBeFetched(t *testing.T) {
	t.Parallel()
	g, s := newServed(t)
	T := g.token(t, good("tk5"))
	s.grants(T)
	g.ask(t, "Ctok001", "Ctok001", lamp+"?tids=tk5@das.m2m.example", "").Expect(t, 2000, 200)
	if got := s.Got(); len(got) != 1 || !strings.Contains(got[0].Body, `"tids":["tk5@das.m2m.example"]`) {
		t.Errorf("A-157 the server was asked %+v", got)
	}
	g.ask(t, "Ctok001", "Ctok001", lamp+"?tids=tk5@das.m2m.example", "").Expect(t, 2000, 200)
	if len(s.Got()) != 1 {
		t.Error("A-157 the server was asked again")
	}
	s.says("")
	g.ask(t, "Ctok001", "Ctok001", lamp+"?tids=tk6@das.m2m.example", "").Expect(t, 4103, 403)
	if n := len(s.Got()); n != 2 {
		t.Errorf("A-130 one short question, not %d", n-1)
	}

	s.Answer(func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() })
	took := harness.Took(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.ask(t, "Ctok001", "Ctok001", lamp+"?tids=tk7@das.m2m.example", "").Expect(t, 4103, 403)
		}()
		for range 20 {
			g.clients["Cbay001"].Get(t, "Cbay001", lamp).Expect(t, 2000, 200)
		}
		<-done
	})
	if took > 20*time.Second {
		t.Errorf("A-150 answered after %v", took)
	}
	g.ask(t, "Ctok001", "Ctok001", lamp+"?tids=tk5@das.m2m.example", "").Expect(t, 2000, 200)
}

func TestFieldCase13_PrivilegesOfAServer(t *testing.T) {
	t.Parallel()
	g, s := newServed(t)
	s.says(`{"sit":2,"dres":{"dai":{"gp":{"acr":[{"acor":["all"],"acop":63}]}}}}`)
	g.ask(t, "Ctok001", "Ctok001", lamp, "").Expect(t, 4103, 403)
	s.says(`{"sit":2,"dres":{"dai":{"gp":{"acr":[{"acor":["//m2m.example/id-in/Ctok001"],"acop":2}]},"pl":"PT6S"}}}`)
	g.ask(t, "Ctok001", "Ctok001", lamp, "").Expect(t, 2000, 200)
	s.says("")
	g.clients["Ctok001"].Update(t, "Ctok001", lamp, `{"m2m:cnt":{"lbl":["x"]}}`).Expect(t, 4103, 403)
	time.Sleep(6 * time.Second)
	g.ask(t, "Ctok001", "Ctok001", lamp, "").Expect(t, 4103, 403)
}
