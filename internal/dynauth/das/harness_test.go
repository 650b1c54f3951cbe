package das_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/das/ledger"
	"bulwark/internal/ops/secrets"
	"bulwark/onem2m"
	"bulwark/token"
)

const (
	cse     = onem2m.ID("//m2m.example/id-in")
	visitor = onem2m.ID("//m2m.example/id-in/CVisitor")
	lamp    = "//m2m.example/id-in/lamp1"
	role    = "guest@das.m2m.example"
)

// self is the server of the tests.
func self() das.Identity { return das.Identity{ID: "//m2m.example/Sdas", FQDN: "das.m2m.example"} }

// readGrant is the head of a grant that lets visitors read below the CSE.
const readGrant = `
[[grant]]
name = "read"
originators = ["//m2m.example/id-in/CVisitor*"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/*"]
operations = ["retrieve"]
give-operations = ["retrieve"]
`

// server is an Authority with a clock and a policy that a test turns.
type server struct {
	*das.Authority
	t   testing.TB
	dir string
	box *secrets.Box

	ledger *ledger.Ledger

	mu        sync.Mutex // guards what follows
	now       time.Time
	policy    *das.Policy
	decisions []das.Decision
}

func start(t testing.TB, policy string) *server {
	t.Helper()
	box, err := secrets.New(make([]byte, secrets.KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), box: box, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	s.set(policy)
	s.open()
	return s
}

// open starts the server, again on the same ledger for a second time.
func (s *server) open() {
	s.t.Helper()
	l, err := ledger.Open(context.Background(), s.dir, self())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	s.ledger = l
	s.Authority, err = das.New(context.Background(), das.Options{
		Self: self(), Ledger: l, Box: s.box,
		Now: func() onem2m.Timestamp {
			s.mu.Lock()
			defer s.mu.Unlock()
			return onem2m.TimestampOf(s.now)
		},
		Policy: func() (*das.Policy, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.policy == nil {
				return nil, errors.New("broken")
			}
			return s.policy, nil
		},
		Audit: func(d das.Decision) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.decisions = append(s.decisions, d)
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) set(policy string) {
	s.t.Helper()
	p := parse(s.t, policy)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = p
}

func (s *server) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *server) time() onem2m.Timestamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	return onem2m.TimestampOf(s.now)
}

// last returns the last decision that was audited.
func (s *server) last() das.Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.decisions) == 0 {
		return das.Decision{}
	}
	return s.decisions[len(s.decisions)-1]
}

func parse(t testing.TB, policy string, files ...string) *das.Policy {
	t.Helper()
	p, err := das.Parse([]byte(policy), self(), func(name string) ([]byte, error) {
		for i := 0; i < len(files); i += 2 {
			if files[i] == name {
				return []byte(files[i+1]), nil
			}
		}
		return nil, errors.New(name + " is not there")
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, policy)
	}
	return p
}

// ask is the question of the CSE whether the visitor may read the lamp.
func ask(change ...func(*onem2m.DASRequest)) *onem2m.DASRequest {
	m := &onem2m.DASRequest{
		Originator: string(visitor), TargetType: onem2m.TypeContainer, Operation: onem2m.Retrieve,
		Target: lamp, RequestTime: "20260302T100000",
	}
	for _, fn := range change {
		fn(m)
	}
	return m
}

// direct asks as the CSE.
func (s *server) direct(m *onem2m.DASRequest) *onem2m.DASResponse {
	s.t.Helper()
	out, err := s.Direct(context.Background(), cse, m)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// verify reads a token as the CSE does that knows the published keys.
func (s *server) verify(text string, accept ...string) *token.Verified {
	s.t.Helper()
	v, err := s.verifier(accept...).Verify(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *server) verifier(accept ...string) *token.Verifier {
	s.t.Helper()
	if accept == nil {
		accept = []string{"sign:ES256"}
	}
	set, err := s.JWKS(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	issuer, err := dynauth.NewIssuer(self().ID, []string{self().FQDN}, accept, set)
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := token.NewVerifier(0, issuer)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// key makes a key for tests.
func keyOf(t testing.TB, data string, a esdata.Algorithm) *esdata.Key {
	t.Helper()
	list, err := dynauth.ParseKeys([]byte(data), []esdata.Algorithm{a})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}
