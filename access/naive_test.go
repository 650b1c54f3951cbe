package access

import (
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/onem2m"
)

// This file is a second implementation of the decision, written from the
// pseudocode of TS-0003 clause 7.1.5 without a thought for speed, on the JSON
// as it stands. The property tests compare the two.

func naivePermits(home onem2m.Home, set string, q *Query) bool {
	var doc map[string]any
	if err := json.Unmarshal([]byte(set), &doc); err != nil {
		panic(err)
	}
	for _, r := range listOf(doc["acr"]) {
		acr := r.(map[string]any)
		if naiveAuthn(acr, q) && naiveOrigs(home, acr, q) && naiveOps(acr, q) && naiveCtxts(acr, q) && naiveObjd(acr, q) {
			return true
		}
	}
	return false
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

func naiveAuthn(acr map[string]any, q *Query) bool {
	flag, _ := acr["acaf"].(bool)
	return !flag || q.Authenticated
}

func naiveOps(acr map[string]any, q *Query) bool {
	return int(acr["acop"].(float64))&int(q.Privilege) != 0
}

func naiveOrigs(home onem2m.Home, acr map[string]any, q *Query) bool {
	for _, e := range listOf(acr["acor"]) {
		if naiveOrig(home, e.(string), q) {
			return true
		}
	}
	return false
}

var (
	roleForm   = regexp.MustCompile(`^[A-Za-z0-9._-]+@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	domainForm = regexp.MustCompile(`^//[^/]*$`)
)

func naiveOrig(home onem2m.Home, e string, q *Query) bool {
	o := string(q.Originator)
	_, hasRole := q.Roles[e]
	switch {
	case e == "all":
		return true
	case !strings.Contains(e, "/") && roleForm.MatchString(e):
		return hasRole
	case domainForm.MatchString(e):
		return !strings.Contains(e, "*") && e != "//" && q.Originator.SP() == e
	case strings.HasPrefix(e, "//"):
		return naiveGlob(e, o) || naiveGroup(e, q)
	case strings.HasPrefix(e, "/"):
		return q.Originator.SP() == home.SP && naiveGlob(e, q.Originator.SPRelative()) || naiveGroup(e, q)
	case strings.HasPrefix(e, "C") && !strings.Contains(e, "/"):
		return naiveGlob(home.SP+home.CSE+"/"+e, o) || naiveGroup(e, q)
	case strings.HasPrefix(e, "S") && !strings.Contains(e, "/"):
		return naiveGlob(home.SP+"/"+e, o) || naiveGroup(e, q)
	}
	return naiveGroup(e, q)
}

func naiveGlob(pattern, s string) bool {
	p := strings.Split(pattern, "/")
	v := strings.Split(s, "/")
	if len(p) != len(v) {
		return false
	}
	for i := range p {
		form := "^" + strings.ReplaceAll(regexp.QuoteMeta(p[i]), `\*`, `.*`) + "$"
		if !regexp.MustCompile(form).MatchString(v[i]) {
			return false
		}
	}
	return true
}

func naiveGroup(e string, q *Query) bool {
	if q.Groups == nil || e == "" || strings.Contains(e, "*") {
		return false
	}
	return q.Groups.Member(strings.TrimSuffix(e, "/fopt"), q.Originator)
}

func naiveCtxts(acr map[string]any, q *Query) bool {
	contexts := listOf(acr["acco"])
	if len(contexts) == 0 {
		return true
	}
	for _, c := range contexts {
		c := c.(map[string]any)
		if naiveTime(c, q) && naiveIP(c, q) && naiveLoc(c, q) {
			return true
		}
	}
	return false
}

func naiveTime(c map[string]any, q *Query) bool {
	windows := listOf(c["actw"])
	if len(windows) == 0 {
		return true
	}
	return slices.ContainsFunc(windows, func(w any) bool { return naiveWindow(w.(string), q.Time) })
}

func naiveWindow(w string, t time.Time) bool {
	t = t.UTC()
	values := []int{t.Second(), t.Minute(), t.Hour(), t.Day(), int(t.Month()), int(t.Weekday()), t.Year()}
	lowest := []int{0, 0, 0, 1, 1, 0, 2000}
	for i, field := range strings.Fields(w) {
		inside := false
		for item := range strings.SplitSeq(field, ",") {
			first, step, _ := strings.Cut(item, "/")
			from, to, ranged := strings.Cut(first, "-")
			if first == "*" {
				from, to, ranged = strconv.Itoa(lowest[i]), "9999", true
			}
			if !ranged {
				to = from
			}
			if step == "" {
				step = "1"
			}
			for v := number(from); v <= number(to); v += number(step) {
				inside = inside || v == values[i]
			}
		}
		if !inside {
			return false
		}
	}
	return true
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func naiveIP(c map[string]any, q *Query) bool {
	acip, ok := c["acip"].(map[string]any)
	if !ok {
		return true
	}
	if !q.IP.IsValid() {
		return false
	}
	ip := net.ParseIP(q.IP.WithZone("").String())
	for family, length := range map[string]int{"ipv4": 4, "ipv6": 16} {
		for _, e := range listOf(acip[family]) {
			text, _, prefix := strings.Cut(e.(string), "/")
			if !prefix {
				e = text + "/" + strconv.Itoa(length*8)
			}
			_, network, err := net.ParseCIDR(e.(string))
			if err != nil {
				panic(err)
			}
			own := 16
			if ip.To4() != nil {
				own = 4
			}
			if own == length && network.Contains(ip) {
				return true
			}
		}
	}
	return false
}

func naiveLoc(c map[string]any, q *Query) bool {
	aclr, ok := c["aclr"].(map[string]any)
	if !ok {
		return true
	}
	if q.Location == nil {
		return false
	}
	if codes, ok := aclr["accc"]; ok {
		return slices.Contains(listOf(codes), any(q.Location.Country))
	}
	accr := listOf(aclr["accr"])
	lat, lon, radius := accr[0].(float64), accr[1].(float64), accr[2].(float64)
	return q.Location.HasPosition &&
		chord(lat, lon, q.Location.Latitude, q.Location.Longitude)+q.Location.Uncertainty <= radius
}

// chord finds the great-circle distance from the angle between two vectors.
func chord(lat1, lon1, lat2, lon2 float64) float64 {
	vector := func(lat, lon float64) (x, y, z float64) {
		lat, lon = lat*math.Pi/180, lon*math.Pi/180
		return math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)
	}
	x1, y1, z1 := vector(lat1, lon1)
	x2, y2, z2 := vector(lat2, lon2)
	d := math.Sqrt((x1-x2)*(x1-x2) + (y1-y2)*(y1-y2) + (z1-z2)*(z1-z2))
	return 2 * 6371008.8 * math.Asin(math.Min(d/2, 1))
}

func naiveObjd(acr map[string]any, q *Query) bool {
	all := listOf(acr["acod"])
	if q.Operation != onem2m.Create || len(all) == 0 {
		return true
	}
	for _, d := range all {
		d := d.(map[string]any)
		ty, typed := d["ty"].(float64)
		if typed && int(ty) != int(q.TargetType) {
			continue
		}
		if spty, ok := d["spty"].(map[string]any); ok {
			if cnd, ok := spty["cnd"].(string); ok && cnd != q.Specialization.ContainerDefinition {
				continue
			}
			mgd, ok := spty["mgd"].(float64)
			if ok && (!q.Specialization.HasMgmtDefinition || int64(mgd) != q.Specialization.MgmtDefinition) {
				continue
			}
		}
		if slices.Contains(listOf(d["chty"]), any(float64(q.ChildType))) {
			return true
		}
	}
	return false
}

// naiveToken is a token as the pseudocode of TS-0003 clause 7.3.2.5 sees it, with
// permissions in JSON.
type naiveToken struct {
	permissions []string // {"ris":[…],"pv":{…},"rids":[…]}
}

// naiveWithTokens is the decision with static policies, roles and tokens.
func naiveWithTokens(home onem2m.Home, sets []string, tokens []naiveToken, q *Query) bool {
	static := func(q *Query) bool {
		return slices.ContainsFunc(sets, func(set string) bool { return naivePermits(home, set, q) })
	}
	if static(q) {
		return true
	}
	for _, token := range tokens {
		for _, text := range token.permissions {
			var p map[string]any
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				panic(err)
			}
			ris, limited := p["ris"]
			if limited && !slices.Contains(listOf(ris), any(q.Target)) && !slices.Contains(listOf(ris), any(q.Governing)) {
				continue
			}
			if pv, ok := p["pv"]; ok && limited && q.TargetType != onem2m.TypeAccessControlPolicy {
				set, err := json.Marshal(pv)
				if err != nil {
					panic(err)
				}
				if naivePermits(home, string(set), q) {
					return true
				}
			}
			more := *q
			more.Roles = RoleSet{}
			for id := range q.Roles {
				more.Roles[id] = struct{}{}
			}
			for _, id := range listOf(p["rids"]) {
				more.Roles[id.(string)] = struct{}{}
			}
			if static(&more) {
				return true
			}
		}
	}
	return false
}
