package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Path is the name of a file or folder. In a configuration file a relative
// one counts from the folder of that file; Load makes it so.
type Path string

// PathOrURL is a Path, or an http or https URL.
type PathOrURL string

// IsURL reports whether p is a URL.
func (p PathOrURL) IsURL() bool {
	u, err := url.Parse(string(p))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Texts is a list that may be written as one text.
type Texts []string

// UnmarshalText reads the one text.
func (t *Texts) UnmarshalText(text []byte) error {
	*t = Texts{string(text)}
	return nil
}

// Duration is a time.Duration that is written with units; besides those of
// time.ParseDuration d is 24 hours and y 365 days.
type Duration struct{ time.Duration }

// UnmarshalText reads "2s", "1h30m", "30d", "5y".
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	day := time.Duration(0)
	switch {
	case strings.HasSuffix(s, "d"):
		day = 24 * time.Hour
	case strings.HasSuffix(s, "y"):
		day = 365 * 24 * time.Hour
	}
	if day == 0 {
		v, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration: write a number and a unit, such as \"2s\", \"10m\" or \"30d\"", s)
		}
		d.Duration = v
		return nil
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil || n > math.MaxInt64/uint64(day) {
		return fmt.Errorf("%q is not a duration: days and years are whole numbers of at most 292 years", s)
	}
	d.Duration = time.Duration(n) * day
	return nil
}

// MarshalText writes the largest unit that leaves no remainder.
func (d Duration) MarshalText() ([]byte, error) {
	units := []struct {
		name string
		size time.Duration
	}{{"y", 365 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for _, u := range units {
		if d.Duration != 0 && d.Duration%u.size == 0 {
			return fmt.Appendf(nil, "%d%s", d.Duration/u.size, u.name), nil
		}
	}
	return []byte(d.Duration.String()), nil
}

// Size is a number of octets: a plain number, or text with the unit KiB, MiB
// or GiB.
type Size int64

// UnmarshalText reads "65536", "64KiB", "1 MiB".
func (s *Size) UnmarshalText(text []byte) error {
	number, shift := string(text), 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), bits
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return fmt.Errorf("%q is not a size: write a number of octets, or one with KiB, MiB or GiB", text)
	}
	*s = Size(n) << shift
	return nil
}

// MarshalText writes the largest unit that leaves no remainder.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range []struct {
		name string
		bits int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if s > 0 && s&(1<<u.bits-1) == 0 {
			return fmt.Appendf(nil, "%d%s", s>>u.bits, u.name), nil
		}
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

// HostRule is an address range or a host name in [outbound]. Exactly one of
// its fields is set.
type HostRule struct {
	Prefix netip.Prefix
	Name   string // lower case; "*.example.com" stands for every name below
}

// UnmarshalText reads "10.0.0.0/8", "192.0.2.7", "broker.example.com" or
// "*.example.com".
func (h *HostRule) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	if prefix, err := netip.ParsePrefix(s); err == nil {
		h.Prefix, h.Name = prefix.Masked(), ""
		return nil
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		h.Prefix, h.Name = netip.PrefixFrom(addr, addr.BitLen()), ""
		return nil
	}
	if !validHost(strings.TrimPrefix(s, "*.")) {
		return fmt.Errorf("%q is neither an address range such as \"10.0.0.0/8\" nor a host name", text)
	}
	h.Prefix, h.Name = netip.Prefix{}, s
	return nil
}

// MarshalText writes the range or the name.
func (h HostRule) MarshalText() ([]byte, error) {
	if h.Name != "" {
		return []byte(h.Name), nil
	}
	return []byte(h.Prefix.String()), nil
}

// validHost accepts a host name that cannot be taken for an address.
func validHost(s string) bool {
	letter := false
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z':
				letter = true
			case c != '-' && (c < '0' || c > '9'):
				return false
			}
		}
	}
	return letter && len(s) <= 253
}

// Level is a severity of the process log.
type Level struct{ slog.Level }

// UnmarshalText reads debug, info, warn or error.
func (l *Level) UnmarshalText(text []byte) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[string(text)]
	if !ok {
		return fmt.Errorf("%q is none of debug, info, warn, error", text)
	}
	l.Level = level
	return nil
}

// MarshalText writes the name in lower case.
func (l Level) MarshalText() ([]byte, error) { return []byte(strings.ToLower(l.String())), nil }

// LogFormat is the form of the log: "text" or "json".
type LogFormat string

// CSEType is the kind of a CSE: "in", "mn" or "asn".
type CSEType string

// Release is a release version indicator: "1", "2a", "3" or "4".
type Release string

// Binding is a protocol: "http" or "https".
type Binding string

// SAPolicy says whether a security association is "required" or "optional"
// (S-006).
type SAPolicy string

// Profile is a set of algorithms. This version has "modern" alone.
type Profile string

// Flavour is what an anchor vouches for: "ae", "cse", "node", "device" or
// "fqdn".
type Flavour string

// The words of the types above.
const (
	CSETypeIN  CSEType = "in"
	CSETypeMN  CSEType = "mn"
	CSETypeASN CSEType = "asn"

	BindingHTTP  Binding = "http"
	BindingHTTPS Binding = "https"
	BindingWS    Binding = "ws"
	BindingWSS   Binding = "wss"

	SARequired SAPolicy = "required"
	SAOptional SAPolicy = "optional"

	ProfileModern Profile = "modern"

	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText reads one of the words of the type.
func (v *LogFormat) UnmarshalText(text []byte) error { return oneOf(v, text, LogText, LogJSON) }

// UnmarshalText reads one of the words of the type.
func (v *CSEType) UnmarshalText(text []byte) error {
	return oneOf(v, text, CSETypeIN, CSETypeMN, CSETypeASN)
}

// UnmarshalText reads one of the words of the type.
func (v *Release) UnmarshalText(text []byte) error { return oneOf(v, text, "1", "2a", "3", "4") }

// UnmarshalText reads one of the words of the type; a binding of a later
// version is refused as such.
func (v *Binding) UnmarshalText(text []byte) error {
	if slices.Contains([]string{"coap", "coaps", "mqtt", "mqtts"}, string(text)) {
		return fmt.Errorf("the binding %s is %w", text, ErrNotInThisVersion)
	}
	return oneOf(v, text, BindingHTTP, BindingHTTPS, BindingWS, BindingWSS)
}

// Secure reports whether the binding is one over TLS.
func (v Binding) Secure() bool { return v == BindingHTTPS || v == BindingWSS }

// Sockets reports whether the binding is WebSocket.
func (v Binding) Sockets() bool { return v == BindingWS || v == BindingWSS }

// UnmarshalText reads one of the words of the type.
func (v *SAPolicy) UnmarshalText(text []byte) error { return oneOf(v, text, SARequired, SAOptional) }

// UnmarshalText reads one of the words of the type. The profile onem2m, with
// the legacy suites that TS-0003 makes mandatory, is refused as one of a later
// version: the TLS stack has the modern suites only.
func (v *Profile) UnmarshalText(text []byte) error {
	if string(text) == "onem2m" {
		return fmt.Errorf("the profile onem2m is %w; use modern", ErrNotInThisVersion)
	}
	return oneOf(v, text, ProfileModern)
}

// UnmarshalText reads one of the words of the type.
func (v *Flavour) UnmarshalText(text []byte) error {
	return oneOf(v, text, "ae", "cse", "node", "device", "fqdn")
}

func oneOf[T ~string](v *T, text []byte, words ...T) error {
	if !slices.Contains(words, T(text)) {
		names := make([]string, len(words))
		for i, w := range words {
			names[i] = string(w)
		}
		return fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
	}
	*v = T(text)
	return nil
}
