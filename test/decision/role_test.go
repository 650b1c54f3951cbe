package decision

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// authority is the part of the configuration about who may assign roles.
const authority = `
[[trust.role-authority]]
id = "//m2m.example/Sroles01"
fqdn = "roles.m2m.example"
`

// roleNames are Role-IDs of the authority, and some that it may not assign.
func roleNames() []string {
	return []string{"operator@roles.m2m.example", "visitor@roles.m2m.example", "operator@das.example", "operator@m2m.example"}
}

// assignment is a <role>.
type assignment struct {
	role, issuer, holder string // absolute
	begins, ends         time.Time
}

// assign makes <role>s: good ones, some that nobody is trusted to assign, and
// some that are in force for a part of the time alone.
func (w *world) assign(t *testing.T) {
	t.Helper()
	const day = 24 * time.Hour
	for i := range 60 {
		a := assignment{
			role:   pickOne(w.random, roleNames()),
			issuer: pickOne(w.random, []string{"//m2m.example/Sroles01", "//m2m.example/Sroles01", "//m2m.example/id-in/Cx1"}),
			holder: absolute(pickOne(w.random, append(local(), remote()[:2]...))),
		}
		a.begins = w.clock.Now().Add(time.Duration(w.random.IntN(120)-60) * day).Truncate(time.Second)
		a.ends = a.begins.Add(time.Duration(20+w.random.IntN(120)) * day)
		w.assignments = append(w.assignments, a)
		stamp := func(at time.Time) string { return at.UTC().Format("20060102T150405") }
		w.trusted.Make(t, "CAdmin", "/cse-in", 31, fmt.Sprintf(`{"m2m:rol":{"rn":"r%d","rlid":%q,"tkis":%q,"tkhd":%q,"tknb":%q,"tkna":%q}}`,
			i, a.role, a.issuer, a.holder, stamp(a.begins), stamp(a.ends)))
	}
}

// held are the roles that an originator has of those that it claims.
func (w *world) held(a asker) (roles []string) {
	now := w.clock.Now()
	for _, claimed := range a.claims {
		for _, one := range w.assignments {
			trusted := one.issuer == "//m2m.example/Sroles01" && strings.HasSuffix(one.role, "@roles.m2m.example")
			if trusted && one.role == claimed && one.holder == absolute(a.from) && !now.Before(one.begins) && now.Before(one.ends) {
				roles = append(roles, claimed)
			}
		}
	}
	return roles
}

// claiming adds the roles that an originator claims to an address.
func (a asker) claiming(target string) string {
	if len(a.claims) == 0 {
		return target
	}
	join := "?"
	if strings.Contains(target, "?") {
		join = "&"
	}
	return target + join + "rids=" + strings.Join(a.claims, "+")
}
