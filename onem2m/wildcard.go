package onem2m

import "strings"

// MatchID matches an absolute identifier with "*" against an identifier,
// segment by segment: each "*" covers any run of characters and never crosses
// a "/" (TS-0003 clause 7.1.3, A-62, A-65).
func MatchID(pattern, id string) bool {
	for {
		p, morePattern, pOK := strings.Cut(pattern, "/")
		s, moreID, sOK := strings.Cut(id, "/")
		if pOK != sOK || !matchSegment(p, s) {
			return false
		}
		if !pOK {
			return true
		}
		pattern, id = morePattern, moreID
	}
}

// matchSegment takes the leftmost place for each piece between two "*". That
// is never wrong, since the next "*" can stretch, so nothing is tried twice
// and the time is linear.
func matchSegment(pattern, s string) bool {
	piece, pattern, star := strings.Cut(pattern, "*")
	if !star {
		return piece == s
	}
	s, ok := strings.CutPrefix(s, piece)
	for ok {
		piece, pattern, star = strings.Cut(pattern, "*")
		if !star {
			return strings.HasSuffix(s, piece)
		}
		_, s, ok = strings.Cut(s, piece)
	}
	return false
}
