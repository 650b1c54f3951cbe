package decision

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

// Tokens are made and read here without code of the CSE.

// issuing is what a world needs of a Token Issuer.
type issuing struct {
	key    *ecdsa.PrivateKey
	config string
	number int
}

func newIssuing(t *testing.T) *issuing {
	t.Helper()
	i := &issuing{key: harness.NewKey(t)}
	point, err := i.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "das.jwks")
	jwk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256","x":%q,"y":%q}`, encode(point[1:33]), encode(point[33:]))
	if err := os.WriteFile(file, []byte(jwk), 0o600); err != nil {
		t.Fatal(err)
	}
	i.config = fmt.Sprintf("\n[[token.issuer]]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.example\"\njwks = %q\naccept = [\"sign:ES256\"]\n", file)
	return i
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// permission is one of a token.
type permission struct {
	Resources []string          `json:"ris,omitempty"`
	Rules     map[string][]rule `json:"pv,omitempty"`
	Roles     []string          `json:"rids,omitempty"`
}

// ticket is a token with what it says.
type ticket struct {
	text        string // "" for none
	good        bool
	permissions []permission
}

// ticket makes a random token for the asker, or none.
func (w *world) ticket(t *testing.T, a asker) ticket {
	t.Helper()
	if w.random.IntN(3) > 0 {
		return ticket{}
	}
	k := ticket{good: a.authentic}
	for range 1 + w.random.IntN(2) {
		var p permission
		if w.random.IntN(3) > 0 {
			for range 1 + w.random.IntN(3) {
				p.Resources = append(p.Resources, "/id-in/"+pickOne(w.random, w.targets).address)
			}
			p.Rules = map[string][]rule{"acr": {w.rule()}}
		}
		if p.Rules == nil || w.random.IntN(2) == 0 {
			p.Roles = pickSome(w.random, []string{"operator@das.example", "visitor@das.example", "operator@elsewhere.example"}, 2)
		}
		k.permissions = append(k.permissions, p)
	}
	holder, now := absolute(a.from), w.clock.Now()
	begins, ends := now.Add(-time.Hour), now.Add(time.Hour)
	switch w.random.IntN(12) {
	case 0:
		holder, k.good = "//m2m.example/id-in/Cother", false
	case 1:
		begins, k.good = now.Add(time.Minute), false
	case 2:
		ends, k.good = now.Add(-time.Second), false
	}
	pm, err := json.Marshal(k.permissions)
	if err != nil {
		t.Fatal(err)
	}
	w.issuer.number++
	claims := fmt.Sprintf(`{"tkvr":"1.0.0","jti":"t%d@das.example","iss":"//m2m.example/Sdas","azp":%q,"nbf":%d,"exp":%d,"tkps":{"pm":%s}}`,
		w.issuer.number, holder, begins.Unix(), ends.Unix(), pm)
	text := encode([]byte(`{"typ":"JWT","alg":"ES256","kid":"k"}`)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, w.issuer.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	k.text = text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	return k
}

// header carries the token.
func (k ticket) header() map[string][]string {
	if k.text == "" {
		return nil
	}
	return map[string][]string{"Authorization": {k.text}}
}

// permitsWith reports whether the rules permit, or the token does.
func (w *world) permitsWith(k ticket, g *target, all []rule, self bool, q question) bool {
	if permits(all, q) {
		if bare := q; len(q.roles) > 0 {
			if bare.roles = nil; !permits(all, bare) {
				w.byRole++
			}
		}
		return true
	}
	if !k.good {
		return false
	}
	names := []string{"/id-in/" + g.address}
	if g.child {
		names = append(names, "/id-in/"+g.address[:len(g.address)-len("/one")]) // whose policies govern it
	}
	for _, p := range k.permissions {
		if p.Resources != nil && !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(p.Resources, name) }) {
			continue
		}
		if !self && g.ty != 1 && permits(p.Rules["acr"], q) {
			return true
		}
		with := q
		with.roles = slices.Clone(q.roles)
		for _, role := range p.Roles {
			if role != "operator@elsewhere.example" { // not the issuer's to give
				with.roles = append(with.roles, role)
			}
		}
		if permits(all, with) {
			return true
		}
	}
	return false
}
