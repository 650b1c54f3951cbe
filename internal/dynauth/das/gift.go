package das

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/e2e/esdata"
	"bulwark/onem2m"
	"bulwark/token"
)

// Forms of what is granted, in a policy.
const (
	formToken = "token"
	formRules = "rules"
	formBoth  = "both"
)

// operationNames are the words for operations in a policy. Discovery is a
// privilege of its own; to a CSE that asks it is a RETRIEVE.
var operationNames = [...]struct {
	name      string
	operation onem2m.Operation
	privilege access.Privilege
}{
	{"create", onem2m.Create, access.Create},
	{"retrieve", onem2m.Retrieve, access.Retrieve},
	{"update", onem2m.Update, access.Update},
	{"delete", onem2m.Delete, access.Delete},
	{"notify", onem2m.Notify, access.Notify},
	{"discover", 0, access.Discover},
}

func parseOperations(key string, names []string) ([]onem2m.Operation, error) {
	var out []onem2m.Operation
	for _, name := range names {
		found := onem2m.Operation(0)
		for _, o := range operationNames {
			if o.name == name {
				found = o.operation
			}
		}
		if found == 0 {
			return nil, fmt.Errorf("%s: %q is none of create, retrieve, update, delete, notify", key, name)
		}
		out = append(out, found)
	}
	if out == nil {
		return nil, fmt.Errorf("%s: at least one is needed", key)
	}
	return out, nil
}

func parsePrivileges(key string, names []string) (access.Privilege, error) {
	var out access.Privilege
	for _, name := range names {
		found := access.Privilege(0)
		for _, o := range operationNames {
			if o.name == name {
				found = o.privilege
			}
		}
		if found == 0 {
			return 0, fmt.Errorf("%s: %q is none of create, retrieve, update, delete, notify, discover", key, name)
		}
		out |= found
	}
	return out, nil
}

// gift checks what a grant gives.
func (f *grantFile) gift(self Identity) (Gift, error) {
	out := Gift{Roles: f.GiveRoles, Anywhere: f.RolesAnywhere}
	switch f.Form {
	case "", formToken:
		out.Token = true
	case formRules:
		out.ACP = true
	case formBoth:
		out.Token, out.ACP = true, true
	default:
		return out, fmt.Errorf("form: %q is none of %s, %s, %s", f.Form, formToken, formRules, formBoth)
	}
	for _, role := range f.GiveRoles {
		if !scoped(role) || !strings.HasSuffix(role, "@"+self.FQDN) {
			return out, fmt.Errorf("give-roles: %q is no Role-ID of this server: it ends in @%s", role, self.FQDN)
		}
	}
	var err error
	if out.Operations, err = parsePrivileges("give-operations", f.GiveOperations); err != nil {
		return out, err
	}
	if out.Rules, err = parseRules(f.GiveRules); err != nil {
		return out, fmt.Errorf("give-rules: %w", err)
	}
	rules := out.Operations != 0 || out.Rules != nil
	switch {
	case !rules && len(out.Roles) == 0:
		return out, errors.New("it gives nothing: give-roles, give-operations or give-rules")
	case out.ACP && !rules:
		return out, errors.New("form: rules are given by give-operations or give-rules")
	case !out.Token && len(out.Roles) > 0:
		return out, errors.New("give-roles: roles are given in a token alone")
	case out.Anywhere && len(out.Roles) == 0:
		return out, errors.New("roles-anywhere: no roles are given")
	case len(out.Roles) > token.MaxRoles:
		return out, fmt.Errorf("give-roles: at most %d", token.MaxRoles)
	}
	return out, nil
}

// parseRules reads a list of accessControlRule and tries it out.
func parseRules(text string) (jsontext.Value, error) {
	if text == "" {
		return nil, nil
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil || value.Kind() != '[' {
		return nil, errors.New(`not a JSON list of rules, such as [{"acor":["$originator"],"acop":2}]`)
	}
	sample, err := rulesOf(value, "//m2m.example/id-in/Csample")
	if err == nil {
		_, err = access.Compile(onem2m.Home{}, append(append([]byte(`{"acr":`), sample...), '}'), "pv")
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

// check refuses an audience whose tokens nobody could have vouched for, or that
// cannot be made.
func (a *Audience) check() error {
	sample := &token.Claims{
		Version: version, ID: "sample@das.m2m.example", Issuer: "//m2m.example/Sdas", Holder: "//m2m.example/id-in/Csample", NotAfter: 1,
	}
	p := esdata.Protection{Encryption: a.Protect.Encryption}
	switch a.Protect.Class {
	case esdata.SignatureOnly:
		if !a.Protect.Signature.Signs() {
			return errors.New("protect: no such signature")
		}
		if !a.Protect.Signature.Symmetric() {
			return nil
		}
		p.Sign = a.Keys[:1]
	case esdata.Nested:
		if !a.Protect.Signature.NonRepudiable() {
			return errors.New("protect: what is signed inside an encryption is a digital signature")
		}
		p.Encrypt = a.Keys[:1]
		_, err := esdata.Seal([]byte("{}"), p) // the signature is made with a key that comes later
		return err
	default:
		p.Encrypt = a.Keys[:1]
	}
	_, err := token.Issue(sample, p)
	return err
}

// privileges returns the m2m:setOfAcrs of a gift for an originator, nil when it
// has no rule.
func (g *Gift) privileges(originator onem2m.ID) (jsontext.Value, error) {
	if g.Operations == 0 && g.Rules == nil {
		return nil, nil
	}
	var rules []jsontext.Value
	if g.Rules != nil {
		list, err := rulesOf(g.Rules, originator)
		if err == nil {
			err = json.Unmarshal(list, &rules)
		}
		if err != nil {
			return nil, fmt.Errorf("rules of a grant: %w", err)
		}
	}
	if g.Operations != 0 {
		rule, err := json.Marshal(struct {
			Originators   []onem2m.ID      `json:"acor"`
			Operations    access.Privilege `json:"acop"`
			Authenticated bool             `json:"acaf"`
		}{[]onem2m.ID{originator}, g.Operations, true})
		if err != nil {
			return nil, fmt.Errorf("rules of a grant: %w", err)
		}
		rules = append([]jsontext.Value{rule}, rules...)
	}
	return json.Marshal(struct {
		Rules []jsontext.Value `json:"acr"`
	}{rules})
}

// permissions returns what a token of the gift permits on a target. Privileges
// are for the target alone, and so are the roles unless the grant says
// that they count anywhere.
func (g *Gift) permissions(originator onem2m.ID, target string, roles []string) ([]token.Permission, error) {
	privileges, err := g.privileges(originator)
	if err != nil {
		return nil, err
	}
	here := token.Permission{Resources: []string{target}, Privileges: privileges}
	if !g.Anywhere {
		here.Roles = roles
		return []token.Permission{here}, nil
	}
	var all []token.Permission
	if len(roles) > 0 {
		all = append(all, token.Permission{Roles: roles})
	}
	if privileges != nil {
		all = append(all, here)
	}
	return all, nil
}
