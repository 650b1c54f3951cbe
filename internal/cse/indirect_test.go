package cse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/esdata"
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/token"
)

// info returns the Token Request Information of a refusal.
func (c *consulting) info(q ask) onem2m.TokenRequestInfo {
	c.t.Helper()
	res := c.do(q)
	if res.Code != onem2m.OriginatorHasNoPrivilege {
		c.t.Fatalf("got %d %s", res.Code, text(res))
	}
	if res.TokenRequestInfo == nil {
		return nil
	}
	if res.Content != nil {
		c.t.Errorf("A-154: with debug information %s", text(res))
	}
	list, err := onem2m.ParseTokenRequestInfo(res.TokenRequestInfo)
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

func TestIndirect_A151_A152_TheRefusalSaysWhomToAsk(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	c.policy("Cowner1", "cse-in/bay", "visitors", `{"acor":["`+visitor+`"],"acop":2}`)
	c.container("Cowner1", "cse-in/bay", "den", `"acpi":["cse-in/bay/visitors"]`)
	got := c.info(read("cse-in/bay/den?tqi=true"))
	want := onem2m.TokenRequestInfo{{URI: dasPoint, Request: &onem2m.DASRequest{
		Originator: "//m2m.example/id-in/Ctok001", TargetType: onem2m.TypeContainer, Operation: onem2m.Retrieve,
		RequestTime: onem2m.TimestampOf(c.now()).String(), Target: "//m2m.example/id-in/" + c.ri("cse-in/bay/den"), ACPRoles: []string{visitor},
	}}}
	want[0].Request.IP = got[0].Request.IP
	if diff := cmp.Diff(string(want.Value()), string(got.Value())); diff != "" {
		t.Error(diff)
	}
	if got := c.info(read("cse-in/bay/den")); got != nil {
		t.Errorf("A-152 without the indicator: %v", got)
	}
	if got := c.info(read("cse-in/bay/den?tqi=false")); got != nil {
		t.Errorf("A-152 with a false one: %v", got)
	}
	if got := c.info(read("cse-in/tok2?tqi=true")); got != nil {
		t.Errorf("A-151 where nobody can be asked: %v", got)
	}
	unproven := read("cse-in/bay/den?tqi=true")
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	if got := c.info(unproven); got != nil {
		t.Errorf("to somebody who couldn't use a token: %v", got)
	}
	c.das.says(2000, grantsOf(readRule, ""))
	if res := c.do(read("cse-in/bay/den?tqi=true")); res.Code != 2000 || res.TokenRequestInfo != nil {
		t.Errorf("A-152 in a success: %d %s", res.Code, res.TokenRequestInfo)
	}
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":false}}`})
	if got := c.info(read("cse-in/bay/lamp?tqi=true")); got != nil {
		t.Errorf("A-140 by a consultation that is disabled: %v", got)
	}
}

func TestIndirect_A153_TheRequestIsEncryptedForAServerWithAKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := esdata.NewPublic("das", "ECDH-ES+A256KW", &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := esdata.NewPrivate("das", "ECDH-ES+A256KW", key)
	if err != nil {
		t.Fatal(err)
	}
	c := newConsulting(t, func(o *Options) { o.Servers[0].Seal = public })
	c.das.says(2000, "")
	got := c.info(read("cse-in/bay/lamp?tqi=true"))
	if len(got) != 1 || got[0].Request != nil || got[0].Secured == "" {
		t.Fatalf("got %s", got.Value())
	}
	envelope, err := esdata.Parse(got[0].Secured, esdata.Compact)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := envelope.Decrypt(esdata.NewRing(private))
	if err != nil {
		t.Fatal(err)
	}
	request, err := onem2m.ParseDASRequest(opened.Plaintext)
	if err != nil || request.Originator != "//m2m.example/id-in/Ctok001" || envelope.Headers()[0].Type != "JWT" {
		t.Errorf("got %s, %v", opened.Plaintext, err)
	}
}

func TestIndirect_A156_A157_ATokenIsRetrievedByItsTokenID(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dae":false}}`})
	first, second := c.issue(nil), c.issue(func(x *token.Claims) { x.ID = "tk2@das.example"; x.Permissions = nil })
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+second+`","`+first+`"]}}`)
	q := read("cse-in/bay/lamp?tids=tk1@das.example+tk2@das.example")
	res := c.do(q)
	list, err := onem2m.ParseTokenAssignments(res.AssignedTokenIDs)
	if res.Code != 2000 || err != nil || len(list) != 2 {
		t.Fatalf("got %d %s", res.Code, res.AssignedTokenIDs)
	}
	r := c.dreq()
	if diff := cmp.Diff([]string{"tk1@das.example", "tk2@das.example"}, r.TokenIDs); diff != "" || r.Originator != "//m2m.example/id-in/Ctok001" || c.das.count() != 1 {
		t.Errorf("%s %+v", diff, r)
	}
	c.must(onem2m.OK, q)
	c.must(onem2m.OK, read("cse-in/bay/lamp?ltids="+list[0].Local))
	if n := c.das.count(); n != 0 {
		t.Errorf("asked %d times for what is there", n)
	}
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/bay/lamp?tids=tk1@das.example", from: "Ctok002"})
	c.das.count()
	for name, answer := range map[string]string{
		"nothing": "", "another": `{"sit":2,"dres":{"tkns":["` + first + `"]}}`, "a broken one": `{"sit":2,"dres":{"tkns":["a.b.c"]}}`, "another type": `{"sit":8}`,
	} {
		c.das.says(2000, answer)
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp?tids=tk3@das.example"))
		if n := c.das.count(); n != 1 {
			t.Errorf("A-130 %s: asked %d times", name, n)
		}
	}
	c.das.set(nil)
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp?tids=tk3@das.example"))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp?tids=tk3@unknown.example"))
	if n := c.das.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestIndirect_A157_OtherwiseTheServerOfTheResourceHasIt(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Servers = nil })
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+c.issue(nil)+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp?tids=tk1@das.example"))
}

// again starts the CSE anew on its store.
func (c *consulting) again(t *testing.T) {
	t.Helper()
	o := c.c.Options
	o.Store, o.Notifier = c.store, c.world
	var err error
	if c.c, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func TestLocalTokenID_A136_A137_A158_IsTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	text := c.issue(nil)
	res := c.do(bring("cse-in/bay/lamp", text))
	list, err := onem2m.ParseTokenAssignments(res.AssignedTokenIDs)
	if err != nil || len(list) != 1 {
		t.Fatalf("got %d %s", res.Code, res.AssignedTokenIDs)
	}
	related := bring("cse-in/bay/lamp", text)
	related.edit = func(r *onem2m.Request) {
		yes := true
		r.Tokens, r.AuthorRelation = []string{text}, &yes
	}
	c.must(onem2m.OK, related) // its holder is the originator, or it is refused
	related.from = "Ctok002"
	c.must(onem2m.OriginatorHasNoPrivilege, related)
	c.again(t)
	mine := read("cse-in/bay/lamp?ltids=" + list[0].Local)
	c.must(onem2m.OK, mine)
	if res := c.do(bring("cse-in/bay/lamp", text)); res.Code != 2000 || res.AssignedTokenIDs != nil {
		t.Errorf("it has another name now: %s", res.AssignedTokenIDs)
	}
	others := mine
	others.from = "Ctok002"
	c.must(onem2m.OriginatorHasNoPrivilege, others)
	for _, ev := range c.events {
		if ev.Child != nil && ev.Child.Type == onem2m.TypeToken && strings.Contains(string(ev.Child.Attributes), "tkob") {
			t.Error("A-192: subscribers of the CSE are told the token")
		}
	}
	kept := c.must(onem2m.OK, ask{op: "R", to: "cse-in/token-tk1~das.example", from: "CAdmin"})
	if id, _ := kept.Text("tkid"); id != "tk1@das.example" {
		t.Errorf("got %s", kept.Append(nil))
	}
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/token-tk1~das.example", from: "Ctok001"})
	c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/token-tk1~das.example", from: "CAdmin"})
	c.must(onem2m.OriginatorHasNoPrivilege, mine)
	c.must(onem2m.OK, bring("cse-in/bay/lamp", text)) // it is still the holder's
	c.advance(time.Hour)
	if err := c.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.must(onem2m.NotFound, ask{op: "R", to: "cse-in/token-tk1~das.example", from: "CAdmin"})
	if n := c.c.kept.len(); n != 0 {
		t.Errorf("%d are kept", n)
	}
}

func TestRoleAndToken_A194_ClocksMayDifferByTheLeeway(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) { o.Leeway = 30 * time.Second })
	c.das.says(2000, "")
	c.must(onem2m.Created, role("CAdmin", ""))
	text := c.issue(nil)
	c.advance(time.Hour + 29*time.Second)
	c.must(onem2m.OK, bring("cse-in/bay/lamp", text))
	c.advance(time.Second)
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
	future := c.issue(func(x *token.Claims) {
		x.ID = "tk4@das.example"
		x.NotBefore += 32_000_000
		x.NotAfter += 32_000_000
	})
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", future))
	c.advance(time.Second)
	c.must(onem2m.OK, bring("cse-in/bay/lamp", future))
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Sub(c.now())
	c.advance(end + 29*time.Second)
	c.must(onem2m.OK, read("cse-in/bay/hall?rids="+operator))
	c.advance(time.Second)
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/hall?rids="+operator))
}

// relating is a consulting world in which Cnew77 shows the token of Ctok001.
const recorded = "i6watmQQQ1y3GBVsWq5fJKzQcBB4jRfH1bfJFj0JtFU"

func newRelating(t *testing.T) (*consulting, string) {
	t.Helper()
	c := newConsulting(t)
	c.register("Cnew77", "new77")
	c.das.set(func(_ context.Context, _ string, req *onem2m.Request) (*onem2m.Response, error) {
		o, _ := onem2m.ParseObject(req.Content.Value)
		if sit, _ := o.Int("sit"); sit != 7 {
			return securityAnswer(2000, ""), nil
		}
		darq, err := onem2m.ParseRelationRequest(o.Get("darq"))
		if err != nil {
			return nil, err
		}
		dars := onem2m.RelationResponse{TokenIDs: darq.TokenIDs, Tokens: darq.Tokens, Signatures: []string{recorded + "="}}
		return securityAnswer(2000, `{"sit":8,"dars":`+string(dars.Value())+`}`), nil
	})
	text := c.issue(func(x *token.Claims) { x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["all"],"acop":2}]}`) })
	c.must(onem2m.OK, bring("cse-in/bay/lamp", text))
	c.das.count()
	return c, text
}

func asNew(text string, signs ...string) ask {
	return ask{op: "R", to: "cse-in/bay/lamp", from: "Cnew77", edit: func(r *onem2m.Request) { r.Tokens, r.AuthorSigns = []string{text}, signs }}
}

func TestRelation_A164_WhoShowsTheSignatureHasTheToken(t *testing.T) {
	t.Parallel()
	c, text := newRelating(t)
	asksToSign := func(q ask) bool {
		t.Helper()
		res := c.do(q)
		if res.Code != onem2m.OriginatorHasNoPrivilege {
			t.Fatalf("got %d", res.Code)
		}
		return res.AuthorSignRequest != nil && *res.AuthorSignRequest
	}
	if !asksToSign(asNew(text)) {
		t.Fatal("it isn't asked to sign")
	}
	req := c.das.last()
	if string(req.Content.Value) != `{"sit":7,"darq":{"tkns":["`+text+`"],"asri":true}}` {
		t.Errorf("asked %s", req.Content.Value)
	}
	if asksToSign(asNew(text, "AAAA")) {
		t.Error("a wrong signature leads to another attempt")
	}
	if stage, why := c.lastAudit(); stage != "tokens" || !strings.Contains(why, "isn't the one") {
		t.Errorf("A-193: %s %s", stage, why)
	}
	c.das.count()
	if !asksToSign(asNew(text)) || c.das.count() != 1 {
		t.Error("one attempt, and then the server is asked again")
	}
	c.advance(time.Minute)
	if !asksToSign(asNew(text)) || c.das.count() != 1 {
		t.Error("a minute, and then the server is asked again")
	}
	c.must(onem2m.OK, asNew(text, recorded))
	c.must(onem2m.OK, asNew(text))
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
	c.again(t)
	c.must(onem2m.OK, asNew(text))
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
}

func TestRelation_A164_NothingElseLeadsToTheToken(t *testing.T) {
	t.Parallel()
	c, text := newRelating(t)
	refused := func(why string, questions int, q ask) {
		t.Helper()
		c.das.count()
		c.advance(10 * time.Second)
		res := c.do(q)
		if res.Code != onem2m.OriginatorHasNoPrivilege || res.AuthorSignRequest != nil || c.das.count() != questions {
			t.Errorf("%s: got %d %v", why, res.Code, res.AuthorSignRequest)
		}
	}
	unproven := asNew(text)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	refused("nobody has proven who it is", 0, unproven)
	over := c.issue(func(x *token.Claims) { x.ID = "tk6@das.example"; x.NotBefore += 1800_000_000 })
	refused("it isn't good yet", 0, asNew(over))
	fixed := c.issue(func(x *token.Claims) { x.ID = "tk7@das.example"; x.Holder = "//m2m.example/Sfixed" })
	refused("its holder's identifier doesn't change", 0, asNew(fixed))
	for why, answer := range map[string]string{
		"no record": `{"sit":8,"dars":{"tkns":["` + text + `"]}}`, "another type": `{"sit":2}`, "nothing": "",
		"another token": `{"sit":8,"dars":{"tids":["tk9@das.example"],"signature":["c2ln"]}}`,
		"too many":      `{"sit":8,"dars":{"tkns":["` + text + `"],"signature":["c2ln","c2ln"]}}`,
	} {
		c.das.says(2000, answer)
		refused(why, 1, asNew(text))
	}
	c.das.set(nil)
	refused("the server is gone", 1, asNew(text))
}

func TestRelation_A165_TheIssuerAloneGivesAKeptTokenAnotherHolder(t *testing.T) {
	t.Parallel()
	c, text := newRelating(t)
	c.register("Sdas001", "das")
	update := func(from, body string) ask {
		return ask{op: "U", to: "cse-in/token-tk1~das.example", from: from, body: `{"m2m:tk":{` + body + `}}`}
	}
	holder := `"tkhd":"//m2m.example/id-in/Cnew77"`
	c.must(onem2m.Created, ask{op: "C32", to: "cse-in", from: "CAdmin", body: `{"m2m:tk":{"rn":"t1","tkid":"tk8@das.example","tkob":"` + text + `"}}`})
	unproven := update("Sdas001", holder)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	c.follow(t, []step{
		{name: "open point 28 somebody else", ask: update("Cnew77", holder), code: 4103},
		{name: "open point 28 the administrator neither", ask: update("CAdmin", holder), code: 4103},
		{name: "open point 28 the issuer, unproven", ask: unproven, code: 4103},
		{name: "open point 28 another attribute with it", ask: update("Sdas001", holder+`,"lbl":["x"]`), code: 4103},
		{name: "open point 28 a holder that is none", ask: update("Sdas001", `"tkhd":"Cnew77"`), code: 4000},
		{name: "open point 28 no holder", ask: update("Sdas001", `"tkhd":null`), code: 4000},
		{name: "open point 28 a <token> of somebody", ask: ask{op: "U", to: "cse-in/t1", from: "CAdmin", body: `{"m2m:tk":{` + holder + `}}`}, code: 4000},
		{name: "A-165 before", ask: asNew(text, "AAAA"), code: 4103},
		{name: "A-165 the issuer", ask: update("Sdas001", holder), code: 2004, show: map[string]string{"tkhd": `"//m2m.example/id-in/Cnew77"`}},
		{name: "A-165 the new holder", ask: asNew(text), code: 2000},
		{name: "A-165 the old one", ask: bring("cse-in/bay/lamp", text), code: 4103},
	})
	c.again(t)
	c.must(onem2m.OK, asNew(text))
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
}

func TestRelation_A161_A163_SignaturesArePassedOnToTheServer(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) {
		o.Servers = append(o.Servers, o.Servers[0])
		o.Servers[1].ID, o.Servers[1].Domains, o.Servers[1].Points = "//m2m.example/Sother", []string{"other.example"}, []string{"https://other.example/"}
		o.BasePolicy = []byte(`{"acr":[{"acor":["Ctok001","Ctok002","/id-far"],"acop":16},{"acor":["all"],"acop":47}]}`)
	})
	c.das.says(2000, "")
	text := c.issue(nil)
	c.must(onem2m.OK, bring("cse-in/bay/lamp", text))
	tell := func(from, darq string) ask {
		return ask{op: "N", to: "/id-in/-", from: from, body: `{"m2m:seci":{"sit":7,"darq":` + darq + `}}`}
	}
	c.das.count()
	c.must(onem2m.OK, tell("Ctok001", `{"aus":["c2ln","c2lo","c2lp"],"tids":["tk7@other.example","tk6@das.example"],"tkns":["`+text+`"]}`))
	var got []string
	for i, req := range c.das.asked {
		got = append(got, c.das.points[i]+" "+string(req.Content.Value))
	}
	want := []string{
		dasPoint + ` {"sit":7,"darq":{"or":"//m2m.example/id-in/Ctok001","tids":["tk6@das.example"],"tkns":["` + text + `"],"aus":["c2ln","c2lp"]}}`,
		`https://other.example/ {"sit":7,"darq":{"or":"//m2m.example/id-in/Ctok001","tids":["tk7@other.example"],"aus":["c2lo"]}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	unproven := tell("Ctok001", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	c.follow(t, []step{
		{name: "E-11 no content without an answer", ask: tell("Ctok001", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`), code: 2000},
		{name: "A-202 nobody has proven who it is", ask: unproven, code: 4103},
		{name: "A-202 without the privilege", ask: tell("Cowner1", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`), code: 4103},
		{name: "A-163 neither tokens nor Token-IDs", ask: tell("Ctok001", `{"aus":["c2ln"]}`), code: 4000},
		{name: "A-161 no signature for each", ask: tell("Ctok001", `{"aus":["c2ln"],"tids":["tk6@das.example","tk7@das.example"]}`), code: 4000},
		{name: "A-164 an AE asks for what is recorded", ask: tell("Ctok001", `{"tids":["tk6@das.example"],"asri":true}`), code: 4000},
		{name: "A-161 a CSE has no tokens to sign", ask: tell("/id-far", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`), code: 4103},
		{name: "A-161 a token of somebody else", ask: tell("Ctok002", `{"aus":["c2ln"],"tkns":["`+text+`"]}`), code: 4103},
		{name: "A-161 the same by its Token-ID", ask: tell("Ctok002", `{"aus":["c2ln"],"tids":["tk1@das.example"]}`), code: 4103},
		{name: "A-161 nobody knows the server", ask: tell("Ctok001", `{"aus":["c2ln"],"tids":["tk1@unknown.example"]}`), code: 5103},
	})
	c.das.says(4103, "")
	c.must(onem2m.OriginatorHasNoPrivilege, tell("Ctok001", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`))
	c.das.set(nil)
	c.must(onem2m.TargetNotReachable, tell("Ctok001", `{"aus":["c2ln"],"tids":["tk6@das.example"]}`))
}

func TestRelation_A202_TheBuiltInRuleTakesSignaturesOfWhoIsAuthenticated(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	tell := func(from string) ask {
		return ask{op: "N", to: "/id-in/-", from: from, body: `{"m2m:seci":{"sit":7,"darq":{"aus":["c2ln"],"tids":["tk6@das.example"]}}}`}
	}
	unproven := tell("Ctok001")
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	c.follow(t, []step{
		{name: "A-161 an AE that was asked to sign", ask: tell("Ctok001"), code: 2000},
		{name: "A-202 nobody has proven who it is", ask: unproven, code: 4103},
		{name: "A-161 a CSE has no tokens to sign", ask: tell("/id-far"), code: 4103},
	})
}

func TestRelation_A161_SignaturesTakeAnAuthenticatedWayAlone(t *testing.T) {
	t.Parallel()
	c := newConsulting(t, func(o *Options) {
		o.BasePolicy = []byte(`{"acr":[{"acor":["Ctok001"],"acop":16},{"acor":["all"],"acop":47}]}`)
	})
	c.das.says(2000, "")
	text := c.issue(func(x *token.Claims) { x.Permissions[0].Privileges = []byte(`{"acr":[{"acor":["all"],"acop":2}]}`) })
	c.must(onem2m.OK, bring("cse-in/bay/lamp", text))
	c.register("Cnew77", "new77")
	c.c.Servers[0].Points = []string{"http://das.example/onem2m"}
	c.das.count()
	t.Run("A-161 they aren't sent over another", func(t *testing.T) {
		c.must(onem2m.TargetNotReachable, ask{op: "N", to: "/id-in/-", from: "Ctok001", body: `{"m2m:seci":{"sit":7,"darq":{"aus":["c2ln"],"tids":["tk6@das.example"]}}}`})
		if n := c.das.count(); n != 0 {
			t.Errorf("sent %d times", n)
		}
	})
	t.Run("A-164 nor taken from there", func(t *testing.T) {
		c.das.says(2000, `{"sit":8,"dars":{"tkns":["`+text+`"],"signature":["`+recorded+`"]}}`)
		c.must(onem2m.OriginatorHasNoPrivilege, asNew(text))
		c.must(onem2m.OriginatorHasNoPrivilege, asNew(text, recorded))
	})
}
