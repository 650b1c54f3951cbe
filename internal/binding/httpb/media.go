package httpb

import (
	"strconv"
	"strings"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// family is how a message names its body: in which serialization it is, and by
// the generic name of that or by the one of TS-0009 clause 6.4.3 that says what
// is inside.
type family uint8

// The families: unstated leaves the choice to the other side of the exchange; the
// others are two for each serialization, generic and vendor names in turn.
const (
	unstated family = iota
	generic         // of JSON
	vendor          // of JSON

	families = 1 + 2*3
)

// familyOf returns the family of a serialization.
func familyOf(f wire.Format, vendored bool) family {
	if vendored {
		return vendor + family(2*f)
	}
	return generic + family(2*f)
}

// format returns the serialization; JSON where nothing is stated.
func (f family) format() wire.Format {
	if f == unstated {
		return wire.JSON
	}
	return wire.Format((f - generic) / 2)
}

func (f family) vendored() bool { return f != unstated && (f-generic)%2 == 1 }

// mediaFamily returns the family of a media type that bodies can be read and
// written in, or unstated for one that can't.
func mediaFamily(mediaType string) family {
	if mediaType == "application/json" { // nearly always
		return generic
	}
	mediaType = strings.ToLower(mediaType)
	name, ok := strings.CutPrefix(mediaType, "application/")
	if !ok {
		return unstated
	}
	what, isVendor := strings.CutPrefix(name, "vnd.onem2m-")
	if isVendor {
		what, name, ok = strings.Cut(what, "+")
		if !ok || what != "res" && what != "ntfy" && what != "preq" && what != "prsp" {
			return unstated
		}
	}
	format, ok := wire.FormatByName(name)
	if !ok {
		return unstated
	}
	return familyOf(format, isVendor)
}

// mediaType names the type of content inside family f. The content of a poll
// answer is named for what it is unless the other side asked for the generic
// type (B-12, B-101).
func mediaType(f family, content string) string {
	suffix := f.format().Name()
	switch {
	case f == generic, f == unstated && content != "m2m:rqp":
		return "application/json"
	case f != unstated && !f.vendored():
		return "application/" + suffix
	case content == "m2m:rqp":
		return "application/vnd.onem2m-preq+" + suffix
	case content == "m2m:rsp":
		return "application/vnd.onem2m-prsp+" + suffix
	case content == "m2m:sgn", content == "m2m:agn":
		return "application/vnd.onem2m-ntfy+" + suffix
	}
	return "application/vnd.onem2m-res+" + suffix
}

// contentType reads a Content-Type header: the media type in lower or upper
// case, and the resource type in parameter ty, if there is one. Blanks around
// ";" and "=" and quotes are tolerated, other parameters ignored (B-11).
func contentType(value string) (media string, ty *int64, err *onem2m.Error) {
	media, parameters, _ := strings.Cut(value, ";")
	media = trimBlanks(media)
	for parameters != "" {
		var parameter string
		parameter, parameters, _ = strings.Cut(parameters, ";")
		name, text, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(trimBlanks(name), "ty") {
			continue
		}
		text = trimBlanks(text)
		if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
			text = text[1 : len(text)-1]
		}
		n, failed := strconv.ParseInt(text, 10, 64)
		if failed != nil || text[0] == '+' || ty != nil {
			return media, nil, onem2m.Errorf(onem2m.BadRequest, "ty", "not one number")
		}
		ty = &n
	}
	return media, ty, nil
}

// accept chooses the family of the answer from the Accept headers: what can be
// written and has the highest weight, the first of several (B-33). A range weighs
// what isn't named itself (RFC 9110 clause 12.5.1). want is what the request itself
// is in. It reports false when nothing is acceptable.
func accept(values []string, want family) (family, bool) {
	switch {
	case len(values) == 0:
		return want, true
	case len(values) == 1 && values[0] == "application/json": // nearly always
		return generic, true
	}
	var (
		stated bool
		named  [families]bool
		offers []offer
	)
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			media, parameters, _ := strings.Cut(element, ";")
			if media = trimBlanks(media); media == "" {
				continue
			}
			stated = true
			f := mediaFamily(media)
			if f != unstated {
				named[f] = true
			} else if media != "*/*" && !strings.EqualFold(media, "application/*") {
				continue
			}
			offers = append(offers, offer{family: f, weight: quality(parameters)})
		}
	}
	if !stated {
		return want, true
	}
	best, weight := unstated, 0
	for _, o := range offers {
		if o.weight <= weight {
			continue
		}
		f, ok := o.family, true
		if f == unstated {
			f, ok = unnamed(&named, want)
		}
		if ok {
			best, weight = f, o.weight
		}
	}
	return best, weight > 0
}

// offer is one element of Accept that can be met; unstated is a range.
type offer struct {
	family family
	weight int
}

// unnamed is the family that a range stands for: the wanted one, unless the header
// names it itself, else the first that it doesn't name.
func unnamed(named *[families]bool, want family) (family, bool) {
	if !named[max(want, generic)] {
		return want, true
	}
	for f := generic; f < families; f++ {
		if !named[f] {
			return f, true
		}
	}
	return unstated, false
}

// quality returns the weight in the parameters of an Accept element, in
// thousandths. One that isn't a weight counts as 1.
func quality(parameters string) int {
	const full = 1000
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, text, ok := strings.Cut(parameter, "=")
		if !ok || !strings.EqualFold(trimBlanks(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(trimBlanks(text), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return full
		}
		return int(q*full + 0.5)
	}
	return full
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }
