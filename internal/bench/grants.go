package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bulwark/client"
	"bulwark/e2e/esdata"
	"bulwark/internal/cli"
	"bulwark/internal/dynauth"
	"bulwark/onem2m"
	"bulwark/token"
)

// What may use the CSE under load by more than its name: issuer and authority of
// the tokens and roles.
const (
	benchIssuer    = "//m2m.example/SBenchDas"
	benchAuthority = "//m2m.example/id-in/CAdmin"
	benchRole      = "operator@roles.m2m.example"
)

// accepted is how tokens of the issuer may be protected.
func accepted() []string { return []string{"sign:ES256"} }

// grantor signs the tokens of the measurement.
type grantor struct {
	sign *esdata.Key
	keys []byte // the public one, as a JSON Web Key
}

func newGrantor() (*grantor, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	g := &grantor{}
	if g.sign, err = esdata.NewPrivate("bench", esdata.ES256, key); err != nil {
		return nil, err
	}
	g.keys, err = jose.JSONWebKey{Key: &key.PublicKey, KeyID: "bench", Algorithm: string(jose.ES256)}.MarshalJSON()
	return g, err
}

// issue makes a token for the guest that lets it retrieve one container.
func (g *grantor) issue(n int) (string, error) {
	now := time.Now().Truncate(time.Second)
	return token.Issue(&token.Claims{
		Version: "1.0.0", ID: fmt.Sprintf("t%d@das.m2m.example", n), Issuer: benchIssuer, Holder: "//m2m.example/id-in/CBenchGuest",
		NotBefore: onem2m.TimestampOf(now.Add(-time.Hour)), NotAfter: onem2m.TimestampOf(now.Add(24 * time.Hour)),
		Permissions: []token.Permission{{
			Resources:  []string{"cse-in/plain/tokens"},
			Privileges: []byte(`{"acr":[{"acor":["CBenchGuest"],"acop":2}]}`),
		}},
	}, esdata.Protection{Sign: []*esdata.Key{g.sign}})
}

// configuration writes what the CSE has to know of the grantor, and which of its
// resources answer as points, to a file, and more.
func (g *grantor) configuration(dir, more string) (string, error) {
	jwks, file := filepath.Join(dir, "bench.jwks"), filepath.Join(dir, "bench.toml")
	text := fmt.Sprintf(`[[token.issuer]]
id = %q
fqdn = "das.m2m.example"
jwks = %q
accept = ["sign:ES256"]
[[trust.role-authority]]
id = %q
fqdn = "roles.m2m.example"
[pdp]
resource = "cse-in/pdp"
[[governed]]
targets = ["//m2m.example/id-mn/*"]
policies = ["cse-in/central"]
[limits]
results = %d
`, benchIssuer, jwks, benchAuthority, governedResources)
	if err := os.WriteFile(jwks, g.keys, 0o600); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, []byte(text+more), 0o600)
}

// measureGrants compares requests that need more than a rule with the name of
// the originator with one that needs nothing.
func measureGrants(ctx context.Context, t *table, g *rig, r cli.BenchRequest) error {
	if err := g.furnishGrants(ctx); err != nil {
		return err
	}
	text, err := g.grantor.issue(0)
	if err != nil {
		return err
	}
	bearer := strings.Replace(get("CBenchGuest", "cse-in/plain/tokens"), "Accept:", "Authorization: "+text+"\r\nAccept:", 1)
	for _, m := range []struct{ name, request string }{
		{"RETRIEVE by the last of 1,000 rules", get("CBenchGuest", "cse-in/plain/rules")},
		{"RETRIEVE by a role", get("CBenchGuest", "cse-in/plain/roles?rids="+benchRole)},
		{"RETRIEVE by a token that is remembered", bearer},
	} {
		f, err := measure(ctx, target{address: g.plain, request: []byte(m.request), status: 200}, r.Connections, r.Duration)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.rate(m.name, f, "RETRIEVE 400 octets", 0)
	}
	if err := g.grantor.measureFirst(t); err != nil {
		return err
	}
	if err := measureDirect(ctx, t, g); err != nil {
		return err
	}
	return measurePolicies(ctx, t, g)
}

// measureFirst times what a token costs that hasn't been seen before.
func (g *grantor) measureFirst(t *table) error {
	issuer, err := dynauth.NewIssuer(benchIssuer, []string{"das.m2m.example"}, accepted(), g.keys)
	if err != nil {
		return err
	}
	verifier, err := token.NewVerifier(0, issuer)
	if err != nil {
		return err
	}
	text, err := g.issue(1)
	if err != nil {
		return err
	}
	n, begin := 0, time.Now()
	for ; time.Since(begin) < 200*time.Millisecond; n++ {
		if _, err := verifier.Verify(text); err != nil {
			return err
		}
	}
	t.value("token seen for the first time (ES256)", short(time.Since(begin)/time.Duration(n)), "", true)
	return nil
}

// furnishGrants makes a container for each way to be permitted, and the guest.
func (g *rig) furnishGrants(ctx context.Context) error {
	if err := furnishAE(ctx, client.Options{URL: "http://" + g.plain, From: "CBenchGuest"}); err != nil {
		return err
	}
	rules := strings.Repeat(`{"acor":["CNobody1","CNobody2*"],"acop":63},`, 999) + `{"acor":["CBenchGuest"],"acop":2}`
	for name, rules := range map[string]string{"rules": rules, "roles": `{"acor":["` + benchRole + `"],"acop":2}`, "tokens": ""} {
		if err := g.guarded(ctx, "cse-in/plain", name, rules, "400 octets"); err != nil {
			return err
		}
	}
	return g.admin(ctx, "cse-in", onem2m.TypeRole, `{"rlid":"`+benchRole+`","tkis":"CAdmin","tkhd":"CBenchGuest","tknb":"20200101T000000","tkna":"20990101T000000"}`)
}

// guarded makes a container with a policy of its own.
func (g *rig) guarded(ctx context.Context, parent, name, rules, label string) error {
	err := g.admin(ctx, parent, onem2m.TypeAccessControlPolicy, `{"rn":"acp-`+name+`","pv":{"acr":[`+rules+`]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}`)
	if err != nil {
		return err
	}
	padding := strings.Repeat("a", 90) + `","` + strings.Repeat("b", 80)
	return g.admin(ctx, parent, onem2m.TypeContainer, `{"rn":"`+name+`","lbl":["`+padding+`","`+label+`"],"acpi":["`+parent+`/acp-`+name+`"]}`)
}

// admin creates a resource as the administrator.
func (g *rig) admin(ctx context.Context, parent string, ty onem2m.ResourceType, body string) error {
	c, err := client.New(client.Options{URL: "http://" + g.plain, From: "CAdmin"})
	if err != nil {
		return err
	}
	defer c.Close()
	attrs, err := onem2m.ParseObject([]byte(body))
	if err != nil {
		return err
	}
	_, err = c.Create(ctx, parent, ty, attrs)
	return err
}

// governedResources are what one discovery decides about: as many as one answer
// may hold here, so that a discovery is one request.
const governedResources = 10_000

// measurePolicies times a discovery of everything under one policy of ten rules,
// and under a hundred.
func measurePolicies(ctx context.Context, t *table, g *rig) error {
	const times = 5
	guest, err := client.New(client.Options{URL: "http://" + g.plain, From: "CBenchGuest"})
	if err != nil {
		return err
	}
	defer guest.Close()
	for _, policies := range []int{1, 100} {
		under := fmt.Sprintf("governed%d", policies)
		if err := g.govern(ctx, under, policies); err != nil {
			return err
		}
		begin := time.Now()
		for range times {
			list, err := discover(ctx, guest, "cse-in/plain/"+under, onem2m.FilterCriteria{Types: []onem2m.ResourceType{onem2m.TypeContainer}}, governedResources)
			if err != nil {
				return err
			}
			if len(list) != governedResources {
				return fmt.Errorf("discovery under %d policies: %d resources", policies, len(list))
			}
		}
		each := time.Since(begin) / times
		t.value(fmt.Sprintf("discovery of %d resources, %d policies", governedResources, policies),
			fmt.Sprintf("%s, %.0f decisions/s", short(each), governedResources/each.Seconds()), "", true)
	}
	return nil
}

// govern makes the resources, with policies in turn.
func (g *rig) govern(ctx context.Context, under string, policies int) error {
	if err := g.admin(ctx, "cse-in/plain", onem2m.TypeContainer, `{"rn":"`+under+`"}`); err != nil {
		return err
	}
	rules := strings.Repeat(`{"acor":["CNobody1"],"acop":63},`, 9) + `{"acor":["CBenchGuest"],"acop":34}`
	for i := range policies {
		body := fmt.Sprintf(`{"rn":"%s-%d","pv":{"acr":[%s]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}`, under, i, rules)
		if err := g.admin(ctx, "cse-in/plain", onem2m.TypeAccessControlPolicy, body); err != nil {
			return err
		}
	}
	c, err := client.New(client.Options{URL: "http://" + g.plain, From: "CAdmin"})
	if err != nil {
		return err
	}
	defer c.Close()
	const makers = 16
	var group sync.WaitGroup
	errs := make([]error, makers)
	for maker := range makers {
		group.Go(func() {
			for i := maker; i < governedResources && errs[maker] == nil; i += makers {
				_, errs[maker] = c.Create(ctx, "cse-in/plain/"+under, onem2m.TypeContainer, onem2m.Object{
					{Name: "acpi", Value: onem2m.TextsValue([]string{fmt.Sprintf("cse-in/plain/%s-%d", under, i%policies)})},
				})
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// furnishPoints makes the decision point, and what it decides by.
func (g *rig) furnishPoints(ctx context.Context) error {
	const self = `"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}`
	for _, one := range []struct {
		ty   onem2m.ResourceType
		body string
	}{
		{onem2m.TypeAccessControlPolicy, `{"rn":"askers","pv":{"acr":[{"acor":["/id-mn"],"acop":4}]},` + self + `}`},
		{onem2m.TypeAccessControlPolicy, `{"rn":"central","pv":{"acr":[{"acor":["/id-mn/CBenchHop"],"acop":2}]},` + self + `}`},
		{onem2m.TypeAuthorizationDecision, `{"rn":"pdp","acpi":["cse-in/askers"]}`},
	} {
		if err := g.admin(ctx, "cse-in", one.ty, one.body); err != nil {
			return err
		}
	}
	return nil
}

// measurePoint compares a request at the MN-CSE that the decision point of the
// other CSE is asked about with the same one that needs nobody.
func measurePoint(ctx context.Context, t *table, g *rig, h *hop, r cli.BenchRequest) error {
	if err := g.furnishPoints(ctx); err != nil {
		return err
	}
	for _, m := range []struct{ name, to, base string }{
		{"RETRIEVE at the MN-CSE (mutual TLS)", "cse-mn/hop/own", "RETRIEVE over mutual TLS"},
		{"RETRIEVE that a decision point permits", "cse-mn/hop/asked", "RETRIEVE at the MN-CSE (mutual TLS)"},
	} {
		f, err := measure(ctx, target{address: h.address, tls: h.tls, request: []byte(get("CBenchHop", m.to)), status: 200}, r.Connections, r.Duration)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.rate(m.name, f, m.base, 0)
		if m.to == "cse-mn/hop/asked" {
			t.value("  added by the decision point", fmt.Sprintf("%.2f × %s", t.byID[m.base].perSecond/f.perSecond-1, m.base), "", true)
		}
	}
	return nil
}
