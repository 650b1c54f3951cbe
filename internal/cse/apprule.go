package cse

import (
	"errors"
	"slices"
	"strings"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func appRuleProcedures() *procedures {
	return &procedures{check: checkAppRule}
}

// checkAppRule: patterns of App-IDs begin as App-IDs do (S-105, C-452).
func checkAppRule(_ *call, _ store.Reader, s *subject) error {
	list, _ := s.attrs.Texts("aai")
	for _, pattern := range list {
		if pattern == "" || !strings.Contains("*RNr", pattern[:1]) {
			return onem2m.Errorf(onem2m.BadRequest, "aai", "an App-ID begins with N or R, and so does its pattern, or with *")
		}
	}
	return nil
}

// appRule is a <serviceSubscribedAppRule>: which credentials may register which
// applications as which AEs (S-101).
type appRule struct {
	ri          string
	secured     bool     // applicableCredIDs is present
	credentials []string // its patterns
	apps        []string // allowedApp-IDs, as registeredApp has them
	entities    []string // allowedAEs
	roles       []string // allowedRole-IDs
}

// appRuleOf reads such a resource, once per version.
func appRuleOf(rec *store.Record) *appRule {
	return rec.Derive(store.FacetType, func(rec *store.Record) any {
		return newAppRule(rec.RI, attributes(rec))
	}).(*appRule)
}

func newAppRule(ri string, attrs onem2m.Object) *appRule {
	rule := &appRule{ri: ri}
	rule.credentials, rule.secured = attrs.Texts("apci")
	apps, _ := attrs.Texts("aai")
	for _, pattern := range apps {
		rule.apps = append(rule.apps, registeredApp(pattern))
	}
	rule.entities, _ = attrs.Texts("aae")
	rule.roles, _ = attrs.Texts("ari")
	return rule
}

// registeredApp writes the first letter of a registered App-ID as Release 4
// does: up to Release 3 a small one is the same (GA-31).
func registeredApp(api string) string {
	if strings.HasPrefix(api, "r") {
		return "R" + api[1:]
	}
	return api
}

// applies reports whether the rule is about registrations over this credential,
// "" for those without association, of this application (S-101, S-102). A rule
// without credentials is for those without association alone (GA-23).
func (rule *appRule) applies(credential, api string) bool {
	if rule.secured != (credential != "") {
		return false
	}
	if rule.secured && !matchesAny(rule.credentials, credential) {
		return false
	}
	return matchesAny(rule.apps, registeredApp(api))
}

// names are the patterns of AE-ID-Stems that the rule gives to a credential.
// One of a node may speak for several AEs, so it gets only those that are
// spelled out (S-117).
func (rule *appRule) names(credential string) []string {
	if ty, _, ok := identity.ParseCredentialID(credential); !ok || ty != identity.CredentialNode {
		return rule.entities
	}
	return slices.DeleteFunc(slices.Clone(rule.entities), func(pattern string) bool { return strings.Contains(pattern, "*") })
}

// admission is what a service subscription says to a registration.
type admission struct {
	rule string // resourceID of the rule that admits it
	stem string // that the CSE makes by it; "" if the AE brings one
}

// admitted holds a registration against the service subscription (TS-0004
// clause 7.3.2.7): asked is the stem, or its class alone when the CSE is to make
// one. One rule has to permit everything (S-100, S-101, C-197).
func (k *call) admitted(r store.Reader, asked string) (admission, error) {
	if k.draft.err != nil {
		return admission{}, k.draft.err // there is no App-ID to go by
	}
	api, _ := k.draft.attrs.Text("api")
	if err := k.checkAppID(api); err != nil {
		return admission{}, err
	}
	return k.admittedAs(r, asked, k.assoc.CredentialID, api, k.c.Home.ID())
}

// admittedAs is admitted for a registration with any CSE.
func (k *call) admittedAs(r store.Reader, asked, credential, api string, registrar onem2m.ID) (admission, error) {
	rules, err := k.appRules(r, registrar)
	if err != nil {
		return admission{}, err
	}
	for _, rule := range rules {
		if !rule.applies(credential, api) {
			continue
		}
		names := rule.names(credential)
		if len(asked) > 1 {
			if matchesAny(names, asked) {
				return admission{rule: rule.ri}, nil
			}
			continue
		}
		for _, pattern := range names {
			if stem := k.c.names.fitting(pattern, asked[0]); stem != "" && k.free(r, stem) {
				return admission{rule: rule.ri, stem: stem}, nil
			}
		}
	}
	return admission{}, onem2m.Errorf(onem2m.AppRuleValidationFailed, "", "the service subscription doesn't allow this registration")
}

// checkSubscribedRoles refuses a role that the service subscription of the
// originator doesn't allow it to use.
func (k *call) checkSubscribedRoles(r store.Reader) error {
	allowed, bound, err := k.allowedRoles(r)
	if err != nil || !bound {
		return err
	}
	for _, id := range k.req.RoleIDs {
		if !slices.Contains(allowed, id) {
			return onem2m.Errorf(onem2m.BadRequest, "rids", "the service subscription doesn't allow the role")
		}
	}
	return nil
}

// allowedRoles are those that the service subscription of the originator allows
// it to use. Who has no service subscription, as an AE of another CSE, is bound
// by none.
func (k *call) allowedRoles(r store.Reader) (allowed []string, bound bool, err error) {
	held, err := k.c.subscribed(r)
	if err != nil || !held {
		return nil, false, err
	}
	stem := k.from.ID.Stem()
	rec, err := r.ByRI(stem)
	if err != nil || rec.Type != onem2m.TypeAE || !k.c.registry(r, k.now).AERegistered(k.from.ID) {
		return nil, false, nil //nolint:nilerr // no AE of this CSE
	}
	rules, err := k.appRules(r, k.c.Home.ID())
	if err != nil {
		if k.c.Type == IN && onem2m.AsError(err).Code == onem2m.ServiceSubscriptionNotEstablished {
			return nil, false, nil // of other CSEs alone
		}
		return nil, false, err
	}
	credential, err := r.CredentialOf(k.from.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	api, _ := attributes(rec).Text("api")
	for _, rule := range rules {
		if rule.applies(credential, api) && matchesAny(rule.names(credential), stem) {
			bound = true
			allowed = append(allowed, rule.roles...)
		}
	}
	return allowed, bound, nil
}

// free reports whether a stem that a pattern led to can be given to the
// credential of this request.
func (k *call) free(r store.Reader, stem string) bool {
	id, form, err := k.c.Home.ParseID(stem)
	if err != nil || form != onem2m.FormStem {
		return false
	}
	return identity.Free(k.c.Home, k.c.admin, id, k.assoc.CredentialID, k.c.registry(r, k.now)) == nil
}

// fitting returns an AE-ID-Stem of the class 'C' or 'S' that fits a pattern of
// allowedAEs: the pattern itself where it has no wildcard, else one with a new
// tail in its place. It returns "" if the pattern is of the other class.
func (n *namer) fitting(pattern string, class byte) string {
	head, rest, star := strings.Cut(pattern, "*")
	switch {
	case head == "" && star:
		head = string(class)
	case head == "" || head[0] != class:
		return ""
	case !star:
		if len(head) == 1 {
			return ""
		}
		return head
	}
	return string(n.appendTail([]byte(head), 12)) + strings.ReplaceAll(rest, "*", "")
}
