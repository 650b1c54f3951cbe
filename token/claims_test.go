package token

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestClaims_A113_A114_AreChecked(t *testing.T) {
	t.Parallel()
	many := func(n int, s string) []string { return strings.Split(strings.Repeat(s+"\n", n)[:n*(len(s)+1)-1], "\n") }
	const rules = `{"acr":[{"acor":["all"],"acop":2}]}`
	for _, tc := range []struct {
		name   string
		change func(*Claims)
		want   Check
	}{
		{"all members", func(*Claims) {}, 0},
		{"only the mandatory ones", func(c *Claims) { c.Name, c.Audience, c.Permissions, c.Extension = "", nil, nil, "" }, 0},
		{"no permission in the list", func(c *Claims) { c.Permissions = []Permission{} }, 0},
		{"no version", func(c *Claims) { c.Version = "" }, CheckClaims},
		{"no Token-ID", func(c *Claims) { c.ID = "" }, CheckClaims},
		{"a Token-ID without a domain", func(c *Claims) { c.ID = "tk1" }, CheckClaims},
		{"no issuer", func(c *Claims) { c.Issuer = "" }, CheckClaims},
		{"a relative issuer", func(c *Claims) { c.Issuer = "Sdas" }, CheckClaims},
		{"no holder", func(c *Claims) { c.Holder = "" }, CheckClaims},
		{"a holder with a wildcard", func(c *Claims) { c.Holder = "//m2m.example/*" }, CheckClaims},
		{"an SP-relative holder", func(c *Claims) { c.Holder = "/id-in/Capp" }, CheckClaims},
		{"times in the wrong order", func(c *Claims) { c.NotBefore, c.NotAfter = c.NotAfter, c.NotBefore }, CheckClaims},
		{"no time at all", func(c *Claims) { c.NotAfter = c.NotBefore }, CheckClaims},
		{"the year 10000", func(c *Claims) { c.NotAfter = latest + 1 }, CheckClaims},
		{"a relative audience", func(c *Claims) { c.Audience = []string{"/id-in"} }, CheckClaims},
		{"an audience with a wildcard", func(c *Claims) { c.Audience = []string{"//m2m.example/*"} }, 0},
		{"too many audiences", func(c *Claims) { c.Audience = many(MaxAudience+1, "//a.example/b") }, CheckClaims},
		{"a permission with nothing", func(c *Claims) { c.Permissions[0] = Permission{} }, CheckClaims},
		{"a permission with resources only", func(c *Claims) { c.Permissions[0].Privileges = nil }, CheckClaims},
		{"privileges without resources", func(c *Claims) { c.Permissions[0].Resources = nil }, CheckClaims},
		{"roles with resources", func(c *Claims) { c.Permissions[1].Resources = []string{"//m2m.example/id-in/cnt1"} }, 0},
		{"privileges and roles", func(c *Claims) { c.Permissions[0].Roles = []string{"a@das.example"} }, 0},
		{"privileges that are no rules", func(c *Claims) { c.Permissions[0].Privileges = []byte(`[]`) }, CheckClaims},
		{"privileges that are no JSON", func(c *Claims) { c.Permissions[0].Privileges = []byte(`{`) }, CheckClaims},
		{"privileges with a member that nobody knows", func(c *Claims) { c.Permissions[0].Privileges = []byte(`{"acr":[],"x":1}`) }, CheckClaims},
		{"privileges with a rule", func(c *Claims) { c.Permissions[0].Privileges = []byte(rules) }, 0},
		{"a role without a domain", func(c *Claims) { c.Permissions[1].Roles = []string{"operator"} }, CheckClaims},
		{"too many roles", func(c *Claims) { c.Permissions[1].Roles = many(MaxRoles+1, "a@das.example") }, CheckClaims},
		{"too many resources", func(c *Claims) { c.Permissions[0].Resources = many(MaxResources+1, "a") }, CheckClaims},
		{"too many permissions", func(c *Claims) { c.Permissions = make([]Permission, MaxPermissions+1) }, CheckClaims},
		{"broken UTF-8", func(c *Claims) { c.Name = "\xff" }, CheckClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := sample()
			tc.change(c)
			payload, err := c.JWT()
			wantCheck(t, err, tc.want)
			_, setErr := c.ClaimSet()
			wantCheck(t, setErr, tc.want)
			if err == nil {
				back, err := ParseJWT(payload)
				if err != nil || !equal(back, c) {
					t.Errorf("reads back as %+v, %v", back, err)
				}
			}
		})
	}
}

// drawClaims makes any claims that are valid.
func drawClaims(t *rapid.T) *Claims {
	name := rapid.StringMatching(`[A-Za-z0-9._-]{1,8}`)
	scoped := rapid.Custom(func(t *rapid.T) string { return name.Draw(t, "name") + "@das.example" })
	c := &Claims{
		Version: rapid.StringMatching(`[0-9.]{1,5}`).Draw(t, "version"), ID: scoped.Draw(t, "id"), Issuer: das,
		Holder:    rapid.SampledFrom([]onem2m.ID{holder, self, "//m2m.example/Sx"}).Draw(t, "holder"),
		NotBefore: onem2m.Timestamp(rapid.Int64Range(0, int64(latest)-1).Draw(t, "nbf")),
		Name:      rapid.String().Draw(t, "tknm"), Extension: rapid.String().Draw(t, "tkex"),
		Audience: rapid.SliceOfN(rapid.SampledFrom([]string{string(self), "//m2m.example/*"}), 0, 3).Draw(t, "aud"),
	}
	c.NotAfter = onem2m.Timestamp(rapid.Int64Range(int64(c.NotBefore)+1, int64(latest)).Draw(t, "exp"))
	for range rapid.IntRange(0, 3).Draw(t, "permissions") {
		p := Permission{Resources: rapid.SliceOfN(name, 0, 2).Draw(t, "ris"), Roles: rapid.SliceOfN(scoped, 0, 2).Draw(t, "rids")}
		if len(p.Resources) > 0 && rapid.Bool().Draw(t, "pv") {
			p.Privileges = []byte(`{"acr":[{"acor":["all"],"acop":63}]}`)
		}
		if p.Privileges != nil || len(p.Roles) > 0 {
			c.Permissions = append(c.Permissions, p)
		}
	}
	return c
}

func TestClaims_A118_A119_AreMappedBothWays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawClaims(t)
		payload, err := c.JWT()
		if err != nil {
			t.Skip("control characters in a text")
		}
		back, err := ParseJWT(payload)
		if err != nil || !equal(back, c) {
			t.Errorf("%s reads back as %+v, %v", payload, back, err)
		}
		set, err := c.ClaimSet()
		if err != nil {
			t.Fatal(err)
		}
		if back, err = ParseClaimSet(set); err != nil || !equal(back, c) {
			t.Errorf("%s reads back as %+v, %v", set, back, err)
		}
	})
}

func TestParseJWT_A118_ReadsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	const base = `"tkvr":"1","jti":"a@das.example","iss":"//m2m.example/Sdas","azp":"//m2m.example/id-in/Capp","nbf":10,"exp":20`
	change := func(from, to string) string { return "{" + strings.Replace(base, from, to, 1) + "}" }
	for _, tc := range []struct {
		name, payload string
		ok            bool
	}{
		{"the mandatory claims", "{" + base + "}", true},
		{"claims that nobody knows", `{"sub":"x","vr":7,"tkid":"b@x.example",` + base + `}`, true},
		{"one audience instead of a list", `{"aud":"//m2m.example/id-in",` + base + `}`, true},
		{"the version under its other name", change("tkvr", "vr"), true},
		{"a domain in upper case", change("m2m.example/id-in", "M2M.Example/id-in"), true},
		{"a fraction of a second", change(`"nbf":10`, `"nbf":10.5`), true},
		{"an exponent", change(`"nbf":10`, `"nbf":1e1`), true},
		{"a huge exponent", change(`"nbf":10`, `"nbf":1e-1000000000`), false},
		{"a long number", change(`"nbf":10`, `"nbf":`+strings.Repeat("1", maxNumber+1)), false},
		{"a negative time", change(`"nbf":10`, `"nbf":-1`), false},
		{"a time that is a text", change(`"nbf":10`, `"nbf":"10"`), false},
		{"a time that is null", change(`"nbf":10`, `"nbf":null`), false},
		{"the year 10000", change(`"exp":20`, `"exp":253402300800`), false},
		{"exp before nbf", change(`"exp":20`, `"exp":9`), false},
		{"a name twice", `{"jti":"a@das.example",` + base + `}`, false},
		{"a name twice, further down", `{"x":{"a":1,"a":2},` + base + `}`, false},
		{"broken UTF-8", "{\"tknm\":\"\xff\"," + base + "}", false},
		{"a text that is a number", `{"tknm":1,` + base + `}`, false},
		{"an optional claim that is null", `{"tknm":null,` + base + `}`, false},
		{"an audience that is a number", `{"aud":7,` + base + `}`, false},
		{"an audience of numbers", `{"aud":[7],` + base + `}`, false},
		{"permissions that are a list", `{"tkps":[],` + base + `}`, false},
		{"permissions that are null", `{"tkps":null,` + base + `}`, false},
		{"a permission with a member that nobody knows", `{"tkps":{"pm":[{"rids":["a@das.example"],"x":1}]},` + base + `}`, false},
		{"a permission for resources that are null", `{"tkps":{"pm":[{"ris":null,"rids":["a@das.example"]}]},` + base + `}`, false},
		{"a permission for no resource", `{"tkps":{"pm":[{"ris":[],"rids":["a@das.example"]}]},` + base + `}`, true},
		{"a permission with roles that are null", `{"tkps":{"pm":[{"ris":["a"],"pv":{"acr":[]},"rids":null}]},` + base + `}`, false},
		{"an audience that is null", `{"aud":null,` + base + `}`, false},
		{"an audience of nobody", `{"aud":[],` + base + `}`, true},
		{"no version", change(`"tkvr":"1",`, ""), false},
		{"no Token-ID", change(`"jti":"a@das.example",`, ""), false},
		{"no issuer", change(`"iss":"//m2m.example/Sdas",`, ""), false},
		{"no holder", change(`"azp":"//m2m.example/id-in/Capp",`, ""), false},
		{"no end", change(`,"exp":20`, ""), false},
		{"the names of the claim set", `{"vr":"1","tkid":"a@das.example","tkis":"//m2m.example/Sdas","tkhd":"//m2m.example/id-in/Capp","tknb":"20260301T000000","tkna":"20260302T000000"}`, false},
		{"an array", `[]`, false},
		{"null", `null`, false},
		{"nothing", ``, false},
		{"something behind it", "{" + base + "}{}", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := ParseJWT([]byte(tc.payload))
			if tc.ok {
				wantCheck(t, err, 0)
				if err == nil && (c.ID != "a@das.example" || c.Holder != holder) {
					t.Errorf("%+v", c)
				}
				return
			}
			wantCheck(t, err, CheckClaims)
		})
	}
}

func TestParseJWT_RoundsSoThatTheTokenLivesShorter(t *testing.T) {
	t.Parallel()
	c, err := ParseJWT([]byte(`{"tkvr":"1","jti":"a@das.example","iss":"//m2m.example/Sdas","azp":"//m2m.example/id-in/Capp","nbf":10.0000001,"exp":20.0000019}`))
	if err != nil || c.NotBefore != 10_000_001 || c.NotAfter != 20_000_001 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestParseClaimSet_IsStrict(t *testing.T) {
	t.Parallel()
	const base = `"tkid":"a@das.example","tkis":"//m2m.example/Sdas","tkhd":"//m2m.example/id-in/Capp","tknb":"20260301T000000","tkna":"20260302T000000"`
	for _, tc := range []struct {
		name, set string
		want      Check
	}{
		{"the name of TS-0004 for the version", `{"vr":"1",` + base + `}`, 0},
		{"the name of TS-0003 for the version", `{"tkvr":"1",` + base + `}`, 0},
		{"both names", `{"vr":"1","tkvr":"1",` + base + `}`, CheckClaims},
		{"a member that nobody knows", `{"vr":"1","x":1,` + base + `}`, CheckClaims},
		{"one audience instead of a list", `{"vr":"1","tkau":"//m2m.example/id-in",` + base + `}`, CheckClaims},
		{"a time that is none", `{"vr":"1",` + strings.Replace(base, "20260301T000000", "2026", 1) + `}`, CheckClaims},
		{"an array", `[]`, CheckClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseClaimSet([]byte(tc.set))
			wantCheck(t, err, tc.want)
		})
	}
}

func FuzzParseJWT(f *testing.F) {
	payload, err := sample().JWT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte(`{"nbf":1e-20,"exp":253402300799.9999999}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := ParseJWT(payload)
		if err != nil {
			return
		}
		again, err := c.JWT()
		if err != nil {
			t.Fatalf("%q is read and not written: %v", payload, err)
		}
		if back, err := ParseJWT(again); err != nil || back.NotAfter != c.NotAfter || back.NotBefore != c.NotBefore || back.Ref() != c.Ref() {
			t.Errorf("%q becomes %q, %v", payload, again, err)
		}
	})
}

func FuzzParseClaimSet(f *testing.F) {
	set, err := sample().ClaimSet()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(set))
	f.Fuzz(func(t *testing.T, set []byte) {
		c, err := ParseClaimSet(set)
		if err != nil {
			return
		}
		again, err := c.ClaimSet()
		if err != nil {
			t.Fatalf("%q is read and not written: %v", set, err)
		}
		if back, err := ParseClaimSet(again); err != nil || back.Ref() != c.Ref() {
			t.Errorf("%q becomes %q, %v", set, again, err)
		}
	})
}
