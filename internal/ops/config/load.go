package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// ErrNotInThisVersion marks settings that are known but belong to a later
// version (decision 33).
var ErrNotInThisVersion = errors.New("not in this version")

// Error is one thing that is wrong with the configuration.
type Error struct {
	Where string // "bulwark.toml:12:3", "BULWARK_CSE_ID", "--cse-id"; "" when unknown
	Key   string // "cse.id"; "" for the whole file
	Text  string // what is wrong and what to do
	Cause error
}

// Error returns the place, the key and the text, as far as they are known.
func (e *Error) Error() string {
	var parts []string
	for _, s := range []string{e.Where, e.Key, e.Text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, ": ")
	if e.Cause != nil && !errors.Is(e.Cause, ErrNotInThisVersion) {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// wrongValue is the Error of a value that a key does not take.
func wrongValue(where, key string, err error) *Error {
	e := &Error{Where: where, Key: key, Text: err.Error()}
	if errors.Is(err, ErrNotInThisVersion) {
		e.Cause = ErrNotInThisVersion
	}
	return e
}

// Sources are the places that Load reads, from weakest to strongest after the
// defaults.
type Sources struct {
	File  string            // TOML file; "" takes BULWARK_CONFIG, and none without that
	Env   []string          // "NAME=value", as os.Environ returns them
	Flags map[string]string // name of the flag without dashes to its text; only flags that were given
}

// Load reads the sources over the defaults and validates the result. Its error
// joins one *Error for each problem.
func Load(src Sources) (*Config, error) {
	c, from := Default(), origins{}
	env := environment(src.Env)
	if src.File == "" {
		src.File = env[envPrefix+"CONFIG"]
	}
	if src.File != "" {
		if err := readFile(c, src.File, from); err != nil {
			return nil, err
		}
	}
	given, err := fromEnvironment(c, env, from)
	if err != nil {
		return nil, err
	}
	if err := fromFlags(c, src.Flags, given, from); err != nil {
		return nil, err
	}
	return c.finish(given, from)
}

// finish applies what concerns listeners, fills in what follows from other
// keys, and validates.
func (c *Config) finish(given map[string]setting, from origins) (*Config, error) {
	if err := c.mergeListeners(given, from); err != nil {
		return nil, err
	}
	c.fill()
	if errs := c.validate(from); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// Default returns the defaults of every key, without listeners and without
// what follows from other keys.
func Default() *Config {
	c := &Config{}
	for _, k := range Keys() {
		if k.Default == "" || strings.HasSuffix(k.Table, "[]") {
			continue
		}
		if err := setText(c.field(k), k.Default); err != nil {
			panic(fmt.Sprintf("default of %s: %v", k.Path, err)) // a tag of our own; the tests load every default
		}
	}
	return c
}

func (c *Config) field(k Key) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(k.index) }

// listenerFlags are the flags that stand for [[listen]] entries.
func listenerFlags() []string { return []string{"https", "http", "wss", "ws", "trust-plain"} }

// laterFlags are flags of bindings and functions that this version lacks.
func laterFlags() []string {
	return []string{"coap", "coaps", "mqtt", "mqtts"}
}

// setting is a value with its place.
type setting struct{ text, where string }

// environment keeps our variables. An empty one counts as not set.
func environment(list []string) map[string]string {
	env := map[string]string{}
	for _, entry := range list {
		name, value, ok := strings.Cut(entry, "=")
		if ok && value != "" && strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	return env
}

// fromEnvironment sets keys and returns the settings of listeners.
func fromEnvironment(c *Config, env map[string]string, from origins) (map[string]setting, error) {
	given, known := map[string]setting{}, map[string]bool{envPrefix + "CONFIG": true}
	var errs []error
	for _, k := range Keys() {
		set := ""
		for _, name := range k.Env {
			known[name] = true
			text, ok := env[name]
			switch {
			case !ok:
				continue
			case set != "" && env[set] != text:
				errs = append(errs, &Error{Where: name, Key: k.Path, Text: set + " says otherwise; keep one of them"})
				continue
			}
			set = name
			if err := setText(c.field(k), text); err != nil {
				errs = append(errs, wrongValue(name, k.Path, err))
			}
			from[k.Path] = name
		}
	}
	for _, flag := range slices.Concat(listenerFlags(), laterFlags()) {
		name := envName(flag)
		known[name] = true
		if text, ok := env[name]; ok {
			given[flag] = setting{text, name}
		}
	}
	for name := range env {
		if !known[name] && !foreign(name) {
			c.Warnings = append(c.Warnings, name+" names no key of the configuration and has no effect")
		}
	}
	slices.Sort(c.Warnings)
	return given, errors.Join(errs...)
}

// foreign reports whether a variable of ours is not meant for a CSE: those of
// bulwark ae, and the switch for the long tests.
func foreign(name string) bool {
	return strings.HasPrefix(name, envPrefix+"AE_") || name == envPrefix+"SLOW"
}

// fromFlags sets keys and adds the settings of listeners to given.
func fromFlags(c *Config, flags map[string]string, given map[string]setting, from origins) error {
	keys := map[string]Key{}
	for _, k := range Keys() {
		if k.Flag != "" {
			keys[k.Flag] = k
		}
	}
	var errs []error
	for flag, text := range flags {
		where := "--" + flag
		k, ok := keys[flag]
		if !ok {
			given[flag] = setting{text, where}
			continue
		}
		if err := setText(c.field(k), text); err != nil {
			errs = append(errs, wrongValue(where, k.Path, err))
		}
		from[k.Path] = where
	}
	for _, flag := range laterFlags() {
		if s, ok := given[flag]; ok {
			errs = append(errs, &Error{Where: s.where, Text: ErrNotInThisVersion.Error(), Cause: ErrNotInThisVersion})
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// fill sets what follows from other keys.
func (c *Config) fill() {
	if c.CSE.ID == "" {
		c.CSE.ID = "/id-" + string(c.CSE.Type)
	}
	if c.CSE.Name == "" {
		c.CSE.Name = "cse-" + string(c.CSE.Type)
	}
	if c.DAS.Cert == "" && c.DAS.Key == "" {
		c.DAS.Cert, c.DAS.Key = c.PKI("server.crt"), c.PKI("server.key")
	}
	for i := range c.Listen {
		l := &c.Listen[i]
		if l.SA == "" {
			l.SA = SARequired
			if !l.Binding.Secure() {
				l.SA = SAOptional
			}
		}
		if l.Profile == "" {
			l.Profile = c.Algorithms.Profile
		}
		if l.Binding.Secure() && l.Cert == "" && l.Key == "" {
			l.Cert, l.Key = c.PKI("server.crt"), c.PKI("server.key")
		}
	}
}

// PKI returns the path of a file of the development certificate authority in
// the data directory.
func (c *Config) PKI(name string) Path { return Path(filepath.Join(string(c.Data), "pki", name)) }

// FlagNames lists the flags that Load understands, with those that it refuses
// because they belong to a later version.
func FlagNames() []string {
	names := slices.Concat(listenerFlags(), laterFlags())
	for _, k := range Keys() {
		if k.Flag != "" {
			names = append(names, k.Flag)
		}
	}
	slices.Sort(names)
	return names
}
