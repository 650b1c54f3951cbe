package distributed

import (
	"slices"
	"strings"
)

// MaxHops bounds through how many points a question is handed on: an
// originator waits for all of them.
const MaxHops = 4

// Trail says through which points a question has come. The attributes of a
// question have no room for it, so it is part of the request identifier: a word
// for each point that has handed the question on. Who isn't of this kind starts
// a trail anew; then the time that an answer may take, which becomes shorter
// from point to point, is what ends a circle.
type Trail []string

const (
	trailBegin = "pt_" // no mark and no unique word has such a character
	trailSep   = "-"
)

// TrailOf reads the trail of a request identifier. CSEs on the way may have put
// something in front of it.
func TrailOf(rqi string) Trail {
	i := strings.LastIndex(rqi, trailBegin)
	if i < 0 {
		return nil
	}
	words := strings.Split(rqi[i+len(trailBegin):], trailSep)
	return slices.Clip(words[:len(words)-1])
}

// Ended reports whether a question with this trail isn't handed on any more by
// the point with the mark: it has been there, or has come far enough.
func (t Trail) Ended(mark string) bool { return len(t) >= MaxHops || slices.Contains(t, mark) }

// Onward is the trail of what the point with the mark hands on.
func (t Trail) Onward(mark string) Trail { return append(slices.Clip(t), mark) }

// RequestID makes a request identifier with the trail and a word that is unique
// for its sender, both of letters and digits alone.
func (t Trail) RequestID(unique string) string {
	var b strings.Builder
	b.WriteString(trailBegin)
	for _, word := range t {
		b.WriteString(word)
		b.WriteString(trailSep)
	}
	b.WriteString(unique)
	return b.String()
}
