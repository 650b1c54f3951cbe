package das

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/test/harness"
)

// TestStranger_DirectFlowOpensNothingThatItShouldNot has an independent server
// answer questions of the CSE about containers that no policy opens: as it should,
// and wrong in every way.
func TestStranger_DirectFlowOpensNothingThatItShouldNot(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	elsewhere := harness.NewSink(t)
	token := func(change func(*claims)) func(string) word {
		return func(name string) word { return grants(s.signed("das", usual, s.claims(name, change))) }
	}
	headed := func(key, header string) func(string) word {
		return func(name string) word { return grants(s.signed(key, header, s.claims(name, nil))) }
	}
	plain := func(w word) func(string) word { return func(string) word { return w } }
	const mine = `{"acor":["//m2m.example/id-in/Ctok001"],"acop":2}`
	for _, row := range []struct {
		name  string
		says  func(container string) word
		opens bool
	}{
		{"A-147 a good token", token(nil), true},
		{"A-146 privileges", plain(opens(mine, "")), true},
		{"A-128 a token for somebody else", token(func(c *claims) { c.holder = "//m2m.example/id-in/Ctok002" }), false},
		{"A-128 a token of a foreign issuer", token(func(c *claims) { c.issuer = "//m2m.example/Sdas002" }), false},
		{"A-128 before its time", token(func(c *claims) { c.begins = time.Hour; c.ends = 2 * time.Hour }), false},
		{"A-128 after its time", token(func(c *claims) { c.begins = -time.Hour; c.ends = -time.Second }), false},
		{"A-129 for another CSE", token(func(c *claims) { c.audience = `"//m2m.example/id-far"` }), false},
		{"A-129 for this CSE and another one", token(func(c *claims) { c.audience += `,"//m2m.example/id-far"` }), false},
		{"A-129 for no CSE in particular", token(func(c *claims) { c.audience = "" }), false},
		{"A-132 for another resource", token(func(c *claims) { c.resources = `"ris":["/id-in/cse-in/bay/elsewhere"],` }), false},
		{"A-132 for the same name on another CSE", token(func(c *claims) { c.resources = strings.Replace(c.resources, "/id-in/cse-in", "/id-far/cse-in", 1) }), false},
		{"A-114 for all resources", token(func(c *claims) { c.resources = "" }), false},
		{"7.5 with a Token-ID of another domain", token(func(c *claims) { c.id = "t@elsewhere.example" }), false},
		{"A-191 of 200,000 octets", token(func(c *claims) { c.more = `,"x":"` + strings.Repeat("x", 200_000) + `"` }), false},
		{"A-121 with alg none", func(name string) word {
			parts := strings.Split(s.signed("das", usual, s.claims(name, nil)), ".")
			return grants("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0." + parts[1] + ".")
		}, false},
		{"A-121 with another curve", headed("es384", `"typ":"JWT","alg":"ES384","kid":"das-1"`), false},
		{"A-121 with RSA", headed("rsa", `"typ":"JWT","alg":"RS256","kid":"das-1"`), false},
		{"A-123 with the public key as a secret", func(name string) word {
			s.write(name+".hmac.jwk", s.jose(s.jose("", "jwk", "pub", "-i", s.file("das.jwk"), "-o", "-"), "b64", "enc", "-I", "-"))
			secret := s.jose("", "b64", "dec", "-i", s.file(name+".hmac.jwk"), "-O", "-")
			s.write(name+".hmac.jwk", fmt.Sprintf(`{"kty":"oct","alg":"HS256","k":%q}`, s.jose(secret, "b64", "enc", "-I", "-")))
			return grants(s.signed(name+".hmac", `"typ":"JWT","alg":"HS256","kid":"das-1"`, s.claims(name, nil)))
		}, false},
		{"A-121 of another key with the same name", headed("other", usual), false},
		{"A-199 with a key of nobody", headed("other", `"typ":"JWT","alg":"ES256","kid":"das-9"`), false},
		{"A-199 with jku", headed("other", fmt.Sprintf(`%s,"jku":"%s/jwks"`, usual, elsewhere.URL)), false},
		{"A-199 with x5u", headed("other", fmt.Sprintf(`%s,"x5u":"%s/cert"`, usual, elsewhere.URL)), false},
		{"A-199 with a key of its own", func(name string) word {
			return grants(s.signed("other", usual+`,"jwk":`+s.jose("", "jwk", "pub", "-i", s.file("other.jwk"), "-o", "-"), s.claims(name, nil)))
		}, false},
		{"A-199 with crit", headed("das", usual+`,"crit":["x"],"x":1`), false},
		{"A-117 without typ", headed("das", `"alg":"ES256","kid":"das-1"`), false},
		{"A-120 encrypted, though it is to be signed", func(name string) word { return grants(s.encrypted(s.claims(name, nil))) }, false},
		{"A-120 signed and encrypted, though it is to be signed alone", func(name string) word {
			return grants(s.encrypted(s.signed("das", usual, s.claims(name, nil))))
		}, false},
		{"A-128 with a part of another token", func(name string) word {
			one := strings.Split(s.signed("das", usual, s.claims("elsewhere", nil)), ".")
			two := strings.Split(s.signed("das", usual, s.claims(name, nil)), ".")
			return grants(one[0] + "." + two[1] + "." + one[2])
		}, false},
		{"A-147 a bad token and a good one", func(name string) word {
			return grants(s.signed("other", usual, s.claims(name, nil)), s.signed("das", usual, s.claims(name, nil)))
		}, true},
		{"A-191 sixteen bad tokens and a good one", func(name string) word {
			bad := s.signed("other", usual, s.claims(name, nil))
			list := strings.Split(strings.Repeat(bad+" ", 16), " ")
			return grants(append(list[:16], s.signed("das", usual, s.claims(name, nil)))...)
		}, false},
		{"A-145 no content", plain(word{RSC: "2000"}), false},
		{"A-145 another type of message", plain(seci(`{"sit":1,"dres":{"dai":{"gp":{"acr":[` + mine + `]}}}}`)), false},
		{"A-145 another resource", plain(word{RSC: "2000", Body: `{"m2m:cnt":{"sit":2,"dres":{"dai":{"gp":{"acr":[` + mine + `]}}}}}`}), false},
		{"A-145 a refusal with privileges", plain(word{Status: 403, RSC: "4103", Body: `{"m2m:seci":{"sit":2,"dres":{"dai":{"gp":{"acr":[` + mine + `]}}}}}`}), false},
		{"A-145 without response code", plain(word{Body: `{"m2m:seci":{"sit":2,"dres":{"dai":{"gp":{"acr":[` + mine + `]}}}}}`}), false},
		{"A-150 an error of the server", plain(word{Status: 500}), false},
		{"A-150 a redirection", plain(word{Status: 307, Headers: map[string]string{"Location": elsewhere.URL + "/das"}}), false},
		{"A-145 garbage", plain(word{RSC: "2000", Body: `{"m2m:seci":`}), false},
		{"A-145 something else than JSON", plain(word{RSC: "2000", Type: "text/html", Body: "<p>granted</p>"}), false},
		{"A-191 nested too deep", plain(word{RSC: "2000", Body: strings.Repeat(`{"m2m:seci":`, 100_000)}), false},
		{"A-191 ten megabytes", plain(word{RSC: "2000", Body: opens(mine, "").Body, Blanks: 10 << 20}), false},
		{"A-145 less than it promises", plain(word{RSC: "2000", Body: opens(mine, "").Body, Lacking: 10}), false},
		{"A-146 privileges for all", plain(opens(`{"acor":["all"],"acop":63}`, "")), false},
		{"A-146 privileges for others too", plain(opens(mine+`,{"acor":["//m2m.example/id-in/Ctok002"],"acop":2}`, "")), false},
		{"A-146 privileges for a pattern", plain(opens(`{"acor":["//m2m.example/id-in/C*"],"acop":2}`, "")), false},
		{"A-146 privileges for a role", plain(opens(`{"acor":["guest@das.m2m.example"],"acop":2}`, "")), false},
		{"A-146 privileges that have ended", plain(opens(mine, `,"pl":"20200101T000000"`)), false},
		{"A-146 privileges of no form", plain(opens(`{"acor":"//m2m.example/id-in/Ctok001","acop":2}`, "")), false},
		{"A-146 privileges to delete", plain(opens(`{"acor":["//m2m.example/id-in/Ctok001"],"acop":8}`, "")), false},
		{"A-150 no answer", plain(word{Hangup: true}), false},
		{"A-150 an answer that comes too late", func(name string) word { w := token(nil)(name); w.Delay = 20; return w }, false},
		{"A-150 an answer that comes in drops", func(name string) word { w := token(nil)(name); w.Piece, w.Pause = 1, 0.1; return w }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			name := s.governed("")
			s.says(name, row.says(name))
			var answer *harness.Answer
			took := harness.Took(func() { answer = s.get("Ctok001", name) })
			if took > 12*time.Second {
				t.Errorf("answered after %v", took)
			}
			if row.opens {
				answer.Expect(t, 2000, 200)
			} else {
				answer.Expect(t, 4103, 403)
			}
			s.get("Ctok002", name).Expect(t, 4103, 403)
			s.clients["Ctok001"].Update(t, "Ctok001", "/cse-in/bay/"+name, `{"m2m:cnt":{"lbl":["x"]}}`).Expect(t, 4103, 403)
			if n := len(s.asked(name)); n == 0 || !strings.Contains(s.asked(name)[0], `"from": "/id-in"`) {
				t.Errorf("A-141 it was asked %d times: %q", n, s.asked(name))
			}
		})
	}
	if got := elsewhere.Got(); len(got) != 0 {
		t.Errorf("A-199 somebody else was asked: %+v", got)
	}
	name := s.governed("")
	s.says(name, token(nil)(name))
	s.get("Ctok001", name).Expect(t, 2000, 200) // after all that
}

// bring retrieves a container with tokens, or with a query.
func (s *stranger) bring(stem, container, query string, tokens ...string) *harness.Answer {
	r := harness.Request{Target: "/cse-in/bay/" + container + query, From: stem}
	if len(tokens) > 0 {
		r.Header = map[string][]string{"Authorization": {strings.Join(tokens, "+")}}
	}
	return s.clients[stem].Send(s.t, r)
}

func TestStranger_A136_A137_ALocalTokenIDIsItsHoldersAndEnds(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	lamp := s.governed("")
	s.says(lamp, word{RSC: "2000"})
	bring := func(change func(*claims)) *harness.Answer {
		return s.bring("Ctok001", lamp, "", s.signed("das", usual, s.claims(lamp, change)))
	}
	localOf := func(answer *harness.Answer) string {
		t.Helper()
		local, _, _ := strings.Cut(answer.Header.Get("X-M2M-ATI"), ":")
		if local == "" {
			t.Fatal("no Local-Token-ID is told")
		}
		return "?ltids=" + local
	}
	answer := bring(func(c *claims) { c.id = "long@das.m2m.example" })
	answer.Expect(t, 2000, 200)
	long := localOf(answer)
	harness.InTime(t, 3*time.Second, func(life time.Duration) error { // it counts for a moment
		answer = bring(func(c *claims) { c.id, c.ends = fmt.Sprintf("short%d@das.m2m.example", life), life })
		if answer.RSC != 2000 {
			return fmt.Errorf("a token that has just been made: %s", answer)
		}
		return nil
	})
	short := localOf(answer)
	s.bring("Ctok001", lamp, long).Expect(t, 2000, 200)
	s.bring("Ctok002", lamp, long).Expect(t, 4103, 403)
	s.bring("Ctok001", "elsewhere", long).Expect(t, 4103, 403)
	s.clients["Ctok002"].Send(t, harness.Request{Target: "/cse-in/bay/" + lamp + long, From: "Ctok001"}).Expect(t, 4106, 403)
	s.bring("Ctok001", lamp, long[:len(long)-1]).Expect(t, 4103, 403)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if s.bring("Ctok001", lamp, short).RSC == 4103 {
			break
		}
	}
	s.bring("Ctok001", lamp, short).Expect(t, 4103, 403)
	s.process.Stop()
	s.start()
	s.bring("Ctok001", lamp, long).Expect(t, 2000, 200)
	s.bring("Ctok002", lamp, long).Expect(t, 4103, 403)
	s.clients["CAdmin"].Delete(t, "CAdmin", "/cse-in/token-long~das.m2m.example").Expect(t, 2002, 200)
	s.bring("Ctok001", lamp, long).Expect(t, 4103, 403)
}

func TestStranger_A157_F3_OnlyTheTokenThatIsNamedCounts(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	lamp := s.governed("")
	s.says(lamp, word{RSC: "2000"})
	named := func(id string) string {
		return s.signed("das", usual, s.claims(lamp, func(c *claims) { c.id = id + "@das.m2m.example" }))
	}
	ask := func(id string, says word, rsc, status int) {
		t.Helper()
		s.says("main", says) // the server of the domain of the Token-ID
		s.bring("Ctok001", lamp, "?tids="+id+"@das.m2m.example").Expect(t, rsc, status)
	}
	ask("one", grants(named("two")), 4103, 403)
	ask("three", grants(s.signed("other", usual, s.claims(lamp, func(c *claims) { c.id = "three@das.m2m.example" }))), 4103, 403)
	ask("four", seci(`{"sit":2,"dres":{"tkns":[]}}`), 4103, 403)
	ask("five", word{Status: 404, RSC: "4004"}, 4103, 403)
	ask("six", opens(`{"acor":["//m2m.example/id-in/Ctok001"],"acop":2}`, ""), 4103, 403)
	ask("seven", grants(named("two"), named("seven")), 2000, 200)
	s.bring("Ctok002", lamp, "?tids=seven@das.m2m.example").Expect(t, 4103, 403)
	if n := len(s.asked("main")); n < 6 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestStranger_A150_AServerThatIsSlowOrNotItselfHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("A-141 a server with the certificate of another host", func(t *testing.T) {
		name := s.governed(s.serve(python, "elsewhere.m2m.example") + "/impostor")
		s.says("impostor", opens(`{"acor":["//m2m.example/id-in/Ctok001"],"acop":2}`, ""))
		s.get("Ctok001", name).Expect(t, 4103, 403)
	})
	t.Run("A-150 nobody there", func(t *testing.T) {
		s.get("Ctok001", s.governed("https://localhost:"+port(t)+"/das")).Expect(t, 4103, 403)
	})
	t.Run("A-150 A-191 many requests that wait for it", func(t *testing.T) {
		var slow []string
		for range 4 {
			name := s.governed("")
			s.says(name, word{Delay: 30, RSC: "2000"})
			slow = append(slow, name)
		}
		var group sync.WaitGroup
		for i := range 24 {
			group.Go(func() {
				took := harness.Took(func() { s.get("Ctok001", slow[i%len(slow)]).Expect(t, 4103, 403) })
				if took > 12*time.Second {
					t.Errorf("a denial took %v", took)
				}
			})
		}
		worst := time.Duration(0)
		for range 40 {
			worst = max(worst, harness.Took(func() { s.clients["Cbay001"].Get(t, "Cbay001", "/cse-in/bay/elsewhere").Expect(t, 2000, 200) }))
		}
		group.Wait()
		if worst > 4*time.Second {
			t.Errorf("somebody else has waited for %v", worst)
		}
	})
}
