package cse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// Role and Token Repositories on other CSEs (A-106, F-8): the <role> of a claimed
// role and the <token> with a Token-ID that this CSE doesn't have are retrieved
// from where the operator says that their authority or issuer keeps them. That
// happens as for policies of other CSEs, see foreign: while nothing is held, by
// this CSE, for a bounded time and a bounded number. A <role> that is removed
// there counts here until its CSE notifies this one, or for foreignLife longer; its
// own notAfter is kept to the moment.

// maxFetched bounds the <role>s, or <token>s, in one answer.
const maxFetched = 16

// The keys of what is fetched begin with the type, a blank, and the repository;
// no address of a resource has a blank.
const (
	missedRole  = "role "
	missedToken = "token "
)

func roleFetchKey(repository, role string, holder onem2m.ID) string {
	return missedRole + repository + " " + role + " " + string(holder)
}

func tokenFetchKey(repository, id string) string { return missedToken + repository + " " + id }

// holdsElsewhere reports whether the originator has a role by a <role> of the
// repository of its authority. One that isn't known yet is noted.
func (k *call) holdsElsewhere(role string) bool {
	for _, authority := range k.c.Authorities {
		if authority.Repository == "" || !authority.Assigns(role) {
			continue
		}
		key := roleFetchKey(authority.Repository, role, k.from.ID)
		f, there := k.kept(key, authority.Repository)
		if f == nil {
			continue
		}
		for _, attrs := range f.roles {
			if k.c.assigns(there, attrs, role, k.from.ID, k.now) {
				return true
			}
		}
	}
	return false
}

// tokenElsewhere returns the token with a Token-ID from the repository of its
// issuer. The first that the issuer made counts, as among those of this CSE. asked
// is false as long as the repository hasn't been asked.
func (k *call) tokenElsewhere(id string) (a heldToken, asked bool, err error) {
	_, fqdn, _ := strings.Cut(id, "@")
	repository := k.c.TokenRepositories[fqdn]
	if repository == "" {
		return heldToken{}, true, errUnknownID
	}
	before := len(k.missed.list)
	f, _ := k.kept(tokenFetchKey(repository, id), repository)
	if f == nil {
		return heldToken{}, len(k.missed.list) == before, errUnknownID
	}
	err = errUnknownID
	for _, attrs := range f.tokens {
		text, ok := attrs.Text("tkob")
		if !ok {
			continue
		}
		cached, failed := k.c.verifyToken(text, k.now)
		switch {
		case failed != nil:
			err = failed
		case cached.ID != id:
			err = errOtherToken
		default:
			return heldToken{cached: cached, text: text}, true, nil
		}
	}
	return heldToken{}, true, err
}

// kept returns what is known under a key of a repository, and what names in it
// are relative to; nil if there is nothing, or if it has to be asked for.
func (k *call) kept(key, repository string) (*foreign, onem2m.Home) {
	a, err := onem2m.ParseAddress(repository)
	if err != nil || k.c.Carrier == nil {
		return nil, onem2m.Home{}
	}
	host := a.Host(k.c.Home)
	if _, err := k.c.peers.Next(host, federation.Arrival{}, k.now); err != nil {
		return nil, onem2m.Home{}
	}
	f, known := k.c.copies.Get(key, k.now)
	if !known {
		k.missed.add(key)
	}
	return f, onem2m.Home{SP: host.SP(), CSE: host.SPRelative()}
}

// fetchMissed gets what decisions have gone without, by the key that it is
// missed under.
func (c *CSE) fetchMissed(ctx context.Context, key string, trail distributed.Trail) (*foreign, error) {
	if rest, ok := strings.CutPrefix(key, missedRole); ok {
		part := strings.SplitN(rest, " ", 3)
		return c.fetchFrom(ctx, trail, key, part[0], onem2m.TypeRole, onem2m.AttributeCondition{Name: "rlid", Value: part[1]}, onem2m.AttributeCondition{Name: "tkhd", Value: part[2]})
	}
	if rest, ok := strings.CutPrefix(key, missedToken); ok {
		part := strings.SplitN(rest, " ", 2)
		return c.fetchFrom(ctx, trail, key, part[0], onem2m.TypeToken, onem2m.AttributeCondition{Name: "tkid", Value: part[1]})
	}
	if central, ok := strings.CutPrefix(key, missedContract+" "); ok {
		return c.fetchContract(ctx, onem2m.ID(central))
	}
	return c.fetchForeign(ctx, key, trail)
}

// fetchFrom retrieves the children of a repository of one type that have certain
// attributes. The holder of a <role> is written there in the absolute form (F-7).
func (c *CSE) fetchFrom(ctx context.Context, trail distributed.Trail, key, repository string, ty onem2m.ResourceType, with ...onem2m.AttributeCondition) (*foreign, error) {
	children, level, limit := int64(8), int64(1), int64(maxFetched)
	res := c.relay(ctx, &onem2m.Request{
		Operation: onem2m.Retrieve, To: repository, From: c.Home.CSE, HasFrom: true, Release: "3", ResultContent: &children,
		RequestID:         trail.RequestID(string(c.names.appendTail(nil, markLength))),
		RequestExpiration: strconv.FormatInt(foreignPatience.Milliseconds(), 10),
		Filter:            &onem2m.FilterCriteria{Types: []onem2m.ResourceType{ty}, Attributes: with, Level: &level, Limit: &limit},
	})
	f, err := readRepository(res, onem2m.TypeByNumber(ty).Root)
	if f != nil {
		c.watchParts(key, repository, slices.Concat(f.roles, f.tokens))
	}
	if err != nil && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "a decision goes without what a repository holds", "repository", repository, "code", int(res.Code), "err", err)
	}
	return f, err
}

// readRepository reads the children in the answer of a repository. Without any
// the result is nil: that is asked for again sooner.
func readRepository(res *onem2m.Response, root string) (*foreign, error) {
	switch {
	case res.Code != onem2m.OK:
		return nil, onem2m.Errorf(res.Code, "", "the repository refuses it")
	case res.Content == nil:
		return nil, nil
	case len(res.Content.Value) > maxForeignSize:
		return nil, fmt.Errorf("more than %d octets", maxForeignSize)
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return nil, err
	}
	if !o.Has(root) {
		return nil, nil
	}
	list, ok := o.Objects(root)
	if !ok || len(list) > maxFetched {
		return nil, fmt.Errorf("no list of at most %d", maxFetched)
	}
	if root == onem2m.TypeByNumber(onem2m.TypeRole).Root {
		return &foreign{roles: list}, nil
	}
	return &foreign{tokens: list}, nil
}
